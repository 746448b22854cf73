"""Titles and invoices, for tests that begin with one."""

from __future__ import annotations

from datetime import date
from typing import Any

from accounts.models import Partner
from openplatform.core import clock
from openplatform.core.uploads.files import ReceivedFile
from reconciliation.models import Invoice
from reconciliation.services.issuing import issue_by_hand
from tests.accounts.money_moves import make_staff
from tests.cast import Merchant
from tests.core.uploads.samples import pdf_of

Document = dict[str, Any]
TITLE = {"kind": "company", "name": "日升贸易有限公司", "tax_number": "91310000MA1FL0CQ53"}


def add_title(merchant: Merchant, **fields: Any) -> str:
    """The id of a company's title."""
    response = merchant.api.post("/invoice-titles", {**TITLE, **fields})
    assert response.status_code == 201, response.content
    title_id: str = response.json()["title_id"]
    return title_id


def ask(merchant: Merchant, title_id: str, order_no: str, **fields: Any) -> Document:
    """A general invoice for an order, just asked for."""
    body = {"title_id": title_id, "kind": "general", "order_no": order_no, **fields}
    response = merchant.api.post("/invoices", body)
    assert response.status_code == 201, response.content
    document: Document = response.json()
    return document


def issue(invoice_no: str, fiscal_number: str = "26312000000123456789") -> Invoice:
    """As finance does it by hand, with a PDF."""
    return issue_by_hand(
        invoice_no=invoice_no,
        fiscal_code="",
        fiscal_number=fiscal_number,
        issued_on=date(2026, 3, 2),
        file=ReceivedFile(pdf_of(), "invoice.pdf"),
        user=make_staff("clerk"),
        now=clock.now(),
        expected_version=None,
    )


def nothing_of(partner: Partner) -> bool:
    """Whether the partner has no invoice at all."""
    return not Invoice.objects.filter(partner=partner).exists()
