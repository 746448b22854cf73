"""What finance wants to know of invoices before it acts on them."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum

from openplatform.connectors.models import ProviderCall
from openplatform.core import money
from reconciliation.models import Invoice, InvoicedOrder
from reconciliation.states import InvoiceStatus

CALLS_SHOWN = 20
IS_LEFT = F("order__total_amount") - F("order__refunded_amount")
IS_BOOKED = F("amount") - F("credited_amount")
REQUESTED = Q(status=InvoiceStatus.REQUESTED)
# Under which name each part of the queue is asked for.
QUEUES: dict[str, Q] = {
    "issue": REQUESTED & Q(due_at=None, credits=None),
    "credit": REQUESTED & Q(due_at=None, credits__isnull=False),
    "provider": REQUESTED & Q(due_at__isnull=False),
    "failed": REQUESTED & ~Q(error=""),
}


def list_refunded_since(invoice: Invoice) -> QuerySet[InvoicedOrder]:
    """Orders of an invoice of which more was refunded than it, or a credit of it, knows; what is
    too much is ``excess_amount`` of each.
    """
    return (
        InvoicedOrder.objects.filter(invoice=invoice, is_live=True)
        .alias(left=IS_LEFT, booked=IS_BOOKED)
        .filter(booked__gt=F("left"))
        .annotate(excess_amount=IS_BOOKED - IS_LEFT)
    )


def get_refunded_since(invoice: Invoice) -> Decimal:
    """How much of an invoice was refunded and is not taken back yet."""
    found = list_refunded_since(invoice).aggregate(sum=Sum("excess_amount"))["sum"]
    return found if found is not None else money.ZERO


def mark_refunded_since(invoices: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """The same invoices with ``is_refunded_since``."""
    too_much = InvoicedOrder.objects.filter(
        invoice=OuterRef("pk"), is_live=True, amount__gt=IS_LEFT + F("credited_amount")
    )
    return invoices.annotate(is_refunded_since=Exists(too_much))


def list_calls(invoice: Invoice) -> QuerySet[ProviderCall]:
    """How often providers were asked about an invoice, the latest first."""
    calls = ProviderCall.objects.filter(invoice_no=invoice.invoice_no).select_related("provider")
    return calls.order_by("-id")[:CALLS_SHOWN]
