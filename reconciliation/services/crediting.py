"""Credit invoices (red letter): what was refunded after an order was invoiced is taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from threading import local

import structlog
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from openplatform.core import clock, money
from openplatform.core.background import note_progress
from openplatform.core.errors import TemporarilyUnavailable
from openplatform.core.identifiers import dated_no
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send
from reconciliation.invoiced import LANGUAGE, credit_lines, list_booked, list_items
from reconciliation.models import Invoice, InvoiceLine
from reconciliation.services.invoice_moves import begin, move
from reconciliation.services.invoicing import amounts_by_order, write_lines
from reconciliation.states import InvoiceStatus

log = structlog.get_logger(__name__)

PLATFORM = "platform"
REFUNDED = _("Refunded after the invoice was issued")
WINDOW = 20_000  # covered orders that are looked at in one turn

# Covered orders behind a position, by primary key, and of them those that have less left than is
# invoiced.
LOOK = """
    WITH looked_at AS (
        SELECT covered.id, covered.invoice_id, covered.order_id,
            covered.amount - covered.credited_amount AS left_amount
        FROM reconciliation_invoicedorder covered
        WHERE covered.is_live AND covered.id > %(after)s
        ORDER BY covered.id LIMIT %(window)s
    )
    SELECT (SELECT count(*) FROM looked_at), (SELECT max(id) FROM looked_at),
        ARRAY(
            SELECT DISTINCT looked_at.invoice_id FROM looked_at
            JOIN reconciliation_invoice invoice ON invoice.id = looked_at.invoice_id
            JOIN orders_order o ON o.id = looked_at.order_id
            WHERE invoice.status = 'issued'
                AND looked_at.left_amount > o.total_amount - o.refunded_amount
            ORDER BY looked_at.invoice_id
        )
"""
# The same of one invoice, by order. In a statement of its own, once the invoice is locked: so it
# sees every credit before it.
REFUNDED_SINCE = """
    SELECT o.id, o.order_no FROM reconciliation_invoicedorder covered
    JOIN orders_order o ON o.id = covered.order_id
    WHERE covered.invoice_id = %s AND covered.is_live
        AND covered.amount - covered.credited_amount > o.total_amount - o.refunded_amount
    ORDER BY o.id
"""
TAKEN_BACK = """
    UPDATE reconciliation_invoicedorder covered
    SET credited_amount = credited_amount + taken.amount
    FROM unnest(%(order_nos)s::text[], %(amounts)s::numeric[]) AS taken (order_no, amount)
    JOIN orders_order o ON o.order_no = taken.order_no
    WHERE covered.invoice_id = %(invoice)s AND covered.order_id = o.id
"""
# Orders of an invoice of which issued credits took back all.
FREE = """
    WITH credited AS (
        SELECT line.order_no, -sum(line.amount) AS amount
        FROM reconciliation_invoice credit
        JOIN reconciliation_invoiceline line ON line.invoice_id = credit.id
        WHERE credit.credits_id = %(invoice)s AND credit.status = 'issued'
        GROUP BY line.order_no
    )
    UPDATE reconciliation_invoicedorder covered SET is_live = false
    FROM credited JOIN orders_order o ON o.order_no = credited.order_no
    WHERE covered.invoice_id = %(invoice)s AND covered.order_id = o.id AND covered.is_live
        AND covered.amount = credited.amount
"""


class _Place(local):
    """Up to which covered order this process has looked in its round."""

    after = 0


_place = _Place()


def credit_refunded_orders() -> int:
    """Loop: ask for credit invoices for what was refunded of invoiced orders since; how many.

    A turn looks at a window of the covered orders, so that a round takes several turns where there
    are very many.
    """
    row = send(LOOK, {"after": _place.after, "window": WINDOW}).row()
    assert row is not None  # noqa: S101 - an aggregate has a row
    looked_at, last, invoice_ids = row
    asked = 0
    for invoice_id in invoice_ids:
        note_progress()
        try:
            asked += credit_invoice(invoice_id=invoice_id, now=clock.now())
        except TemporarilyUnavailable:
            log.warning("invoice_not_credited", invoice_id=invoice_id)  # the others go on
    _place.after = last if looked_at == WINDOW else 0
    return asked


@transactional
def credit_invoice(*, invoice_id: int, now: datetime) -> bool:
    """Ask for a credit invoice for what was refunded of an issued one; whether there was anything.

    Who comes second waits for the first, and finds nothing left.
    """
    return credit_refunds(lock_credited(invoice_id), now=now) is not None


def lock_credited(invoice_id: int) -> Invoice:
    """Step: an invoice that is to be credited, locked until the transaction ends."""
    require_transaction()
    locked = Invoice.objects.select_for_update(no_key=True, of=("self",))
    return locked.select_related("title", "statement").get(pk=invoice_id)


def credit_refunds(invoice: Invoice, *, now: datetime) -> Invoice | None:
    """Step: the same of an invoice that is locked; the credit invoice, None when nothing was
    refunded that no credit names, and before the invoice is issued.
    """
    require_transaction()
    if invoice.status != InvoiceStatus.ISSUED or invoice.is_credit:
        return None
    rows = send(REFUNDED_SINCE, [invoice.pk]).rows()
    if not rows:
        return None
    booked = list_booked(invoice.pk, order_nos=[order_no for _pk, order_no in rows])
    kept = list_items([pk for pk, _order_no in rows])
    with override(LANGUAGE):
        reason = str(REFUNDED)
    return _write(invoice, credit_lines(booked, kept), reason=reason, actor=PLATFORM, now=now)


def take_back(invoice: Invoice, *, reason: str, actor: str, now: datetime) -> Invoice | None:
    """Step: a credit invoice for all that is left of an issued invoice, which is locked; None when
    credits that were asked for take back all of it already.
    """
    require_transaction()
    lines = credit_lines(list_booked(invoice.pk), ())
    if not lines:
        return None
    return _write(invoice, lines, reason=reason, actor=actor, now=now)


def give_up_credit(credit: Invoice) -> None:
    """Step: a credit invoice was cancelled before it was issued; what it would have taken back
    stands again. Both are locked.
    """
    require_transaction()
    amounts = amounts_by_order(list(credit.lines.all()))
    _count(credit.credits_id, {order_no: -amount for order_no, amount in amounts.items()})


def settle_credit(credit: Invoice, *, actor: str, now: datetime) -> None:
    """Step: what follows when a credit invoice was issued: orders of which all was taken back are
    covered no more, and the invoice that covers none any more is cancelled. Both are locked.
    """
    require_transaction()
    assert credit.credits is not None  # noqa: S101 - it is a credit invoice
    send(FREE, {"invoice": credit.credits_id})
    original = Invoice.objects.select_related("title", "statement").get(pk=credit.credits.pk)
    if not original.orders.filter(is_live=True).exists():
        move(
            original,
            InvoiceStatus.CANCELLED,
            actor=actor,
            note=credit.reason,
            now=now,
            reason=credit.reason,
            cancelled_at=now,
        )


def _write(
    invoice: Invoice, lines: Sequence[InvoiceLine], *, reason: str, actor: str, now: datetime
) -> Invoice:
    credit = Invoice.objects.create(
        invoice_no=dated_no("V", now),
        partner_id=invoice.partner_id,
        kind=invoice.kind,
        title=invoice.title,
        order_no=invoice.order_no,
        statement=invoice.statement,
        credits=invoice,
        amount=sum((line.amount for line in lines), money.ZERO),
        tax_amount=sum((line.tax_amount for line in lines), money.ZERO),
        reason=reason,
        requested_by=actor,
        # Whoever issued the invoice issues what takes it back.
        provider_id=invoice.provider_id,
        due_at=None if invoice.provider_id is None else Now(),
        created_at=now,
        updated_at=now,
    )
    write_lines(credit, lines)
    _count(invoice.pk, amounts_by_order(lines))
    begin(credit, actor=actor, now=now)
    return credit


def _count(invoice_id: int | None, amounts: Mapping[str, Decimal]) -> None:
    """Note by how much the lines of a credit invoice, which are below zero, take orders back."""
    send(
        TAKEN_BACK,
        {
            "invoice": invoice_id,
            "order_nos": list(amounts),
            "amounts": [-amount for amount in amounts.values()],
        },
    )
