"""What happens to invoices, for tests that begin in the middle."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import orjson
from django.contrib.auth.models import User
from django.db.models import Sum

from openplatform.connectors.simulator.invoices import write_pdf
from openplatform.core import clock
from openplatform.core.uploads.files import ReceivedFile
from orders.models import Order, OrderLine, Suborder
from reconciliation.models import (
    Invoice,
    InvoicedOrder,
    InvoiceEvent,
    InvoiceLine,
    InvoiceTitle,
    Statement,
)
from reconciliation.requests import InvoiceRequest, TitleDraft
from reconciliation.services.invoicing import request_invoice
from reconciliation.services.issuing import cancel_invoice, issue_by_hand
from reconciliation.services.titles import save_title
from tests.cast import Merchant

Document = dict[str, Any]

TAX_NUMBER = "91330100799655058B"
COMPANY = TitleDraft(
    kind="company",
    name="晨光贸易有限公司",
    tax_number=TAX_NUMBER,
    address="张江路 88 号",
    phone="021-5555-0100",
    bank_name="示例银行张江支行",
    bank_account="6222020000000000",
)
PERSON = TitleDraft(kind="individual", name="张三")
PDF = write_pdf(["电子发票"])
WRITTEN = (Invoice, InvoiceLine, InvoicedOrder, InvoiceEvent)


def make_title(merchant: Merchant, draft: TitleDraft = COMPANY) -> InvoiceTitle:
    """A title in use."""
    answer = save_title(partner_id=merchant.partner.pk, draft=draft, now=clock.now())
    return InvoiceTitle.objects.get(title_id=orjson.loads(answer.body)["title_id"])


def ask(
    merchant: Merchant,
    order_no: str = "",
    *,
    statement: Statement | None = None,
    title: InvoiceTitle | None = None,
    kind: str = "general",
    remark: str = "",
) -> Document:
    """An invoice that was asked for, under the company's title unless told otherwise."""
    answer = request_invoice(
        partner_id=merchant.partner.pk,
        request=InvoiceRequest(
            title_id=(title or make_title(merchant)).title_id,
            kind=kind,
            order_no=order_no,
            statement_no="" if statement is None else statement.statement_no,
            remark=remark,
        ),
        by="key:test",
        now=clock.now(),
    )
    document: Document = orjson.loads(answer.body)
    document["answered"] = (answer.status, answer.is_replay)
    return document


def staff() -> User:
    """Somebody of finance."""
    user, _is_new = User.objects.get_or_create(username="finance", defaults={"is_staff": True})
    return user


def issue(invoice: Document | Invoice | str, *, number: str = "", **fields: Any) -> Invoice:
    """The same, issued by hand; the number follows from ours."""
    invoice_no = _number_of(invoice)
    return issue_by_hand(
        **{
            "invoice_no": invoice_no,
            "fiscal_code": "",
            "fiscal_number": number or f"26{int(invoice_no, 36) % 10**18:018}",
            "issued_on": clock.now().astimezone(clock.PLATFORM_ZONE).date(),
            "file": ReceivedFile(PDF, "invoice.pdf"),
            "user": staff(),
            "now": clock.now(),
            "expected_version": None,
            **fields,
        }
    )


def cancel(invoice: Document | Invoice | str, *, reason: str = "Wrong title") -> Invoice:
    """Cancelled by finance; of an issued one the credit invoice that takes it back."""
    return cancel_invoice(
        invoice_no=_number_of(invoice),
        reason=reason,
        user=staff(),
        now=clock.now(),
        expected_version=None,
    )


def invoiced_less_credited(order: Order) -> tuple[Decimal, Decimal]:
    """What stands in invoices and credits that count, by their lines, and how much of it is tax."""
    counted = InvoiceLine.objects.filter(order_no=order.order_no).exclude(
        invoice__status="cancelled", invoice__fiscal_number=""
    )
    sums = counted.aggregate(amount=Sum("amount"), tax=Sum("tax_amount"))
    return sums["amount"] or Decimal(0), sums["tax"] or Decimal(0)


def paid_less_refunded(order: Order) -> Decimal:
    """From lines and freight as they are."""
    lines = OrderLine.objects.filter(order=order).values_list("amount", "refunded_amount")
    freight = Suborder.objects.filter(order=order).values_list(
        "freight_amount", "refunded_freight_amount"
    )
    return sum((paid - back for paid, back in [*lines, *freight]), Decimal(0))


def everything() -> Any:
    """All that an act on invoices could change."""
    return [list(model._default_manager.order_by("pk").values()) for model in WRITTEN]


def lines_of(invoice: Document | Invoice | str) -> list[tuple[str, int, str, str, str]]:
    """SKU, quantity, unit price, amount and tax of each line."""
    rows = InvoiceLine.objects.filter(invoice__invoice_no=_number_of(invoice)).order_by("position")
    return [
        (row.sku, row.quantity, str(row.unit_price), str(row.amount), str(row.tax_amount))
        for row in rows
    ]


def today() -> date:
    """On the platform's calendar."""
    return clock.now().astimezone(clock.PLATFORM_ZONE).date()


def _number_of(invoice: Document | Invoice | str) -> str:
    if isinstance(invoice, Invoice):
        return invoice.invoice_no
    return invoice if isinstance(invoice, str) else str(invoice["invoice_no"])
