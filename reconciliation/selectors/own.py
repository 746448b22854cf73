"""What a merchant may see: its own statements, reports, bills, titles and invoices. Those of others
do not exist for it.
"""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import NotFound
from reconciliation.documents import invoice_document, link_to, statement_document
from reconciliation.errors import InvoiceStateConflict, ReconciliationNotReady
from reconciliation.models import (
    Bill,
    Invoice,
    InvoiceTitle,
    Reconciliation,
    ReconciliationRow,
    Statement,
)
from reconciliation.states import PaperStatus

M = TypeVar("M", bound=Model)


def list_statements(*, partner_id: int) -> QuerySet[Statement]:
    """With their files, the newest first."""
    return (
        Statement.objects.filter(partner=partner_id)
        .select_related("partner")
        .prefetch_related("files")
        .order_by("-id")
    )


def get_statement(*, partner_id: int, statement_no: str) -> Statement:
    """:raises NotFound: when the partner has none with this number."""
    return _one(list_statements(partner_id=partner_id).filter(statement_no=statement_no))


def show_statement(statement: Statement) -> dict[str, Any]:
    """``GET /statements/{no}``, with links to its files that work for some minutes."""
    return statement_document(statement, statement.files.all(), link=link_to)


def list_reconciliations(*, partner_id: int) -> QuerySet[Reconciliation]:
    """The newest first."""
    return (
        Reconciliation.objects.filter(partner=partner_id)
        .select_related("statement__partner")
        .order_by("-id")
    )


def get_reconciliation(*, partner_id: int, reconciliation_no: str) -> Reconciliation:
    """:raises NotFound: when the partner has none with this number."""
    own = list_reconciliations(partner_id=partner_id)
    return _one(own.filter(reconciliation_no=reconciliation_no))


def get_ready_reconciliation(*, partner_id: int, reconciliation_no: str) -> Reconciliation:
    """
    :raises NotFound: when the partner has none with this number.
    :raises ReconciliationNotReady: while it is being made, or when it failed.
    """
    reconciliation = get_reconciliation(partner_id=partner_id, reconciliation_no=reconciliation_no)
    if reconciliation.status != PaperStatus.READY:
        raise _not_ready(reconciliation.status)
    return reconciliation


def _not_ready(status: str) -> ReconciliationNotReady:
    if status != PaperStatus.FAILED:
        return ReconciliationNotReady(status=status)
    failed = ReconciliationNotReady(_("There is no report: it could not be made"), status=status)
    failed.retry_after = None  # it stays as it is
    return failed


def list_rows(reconciliation: Reconciliation) -> QuerySet[ReconciliationRow]:
    """Of the report, in its order."""
    return ReconciliationRow.objects.filter(reconciliation=reconciliation).order_by("position")


def list_bills(*, partner_id: int) -> QuerySet[Bill]:
    """The newest first."""
    return Bill.objects.filter(partner=partner_id).select_related("statement").order_by("-id")


def get_bill(*, partner_id: int, bill_no: str) -> Bill:
    """:raises NotFound: when the partner has none with this number."""
    return _one(list_bills(partner_id=partner_id).filter(bill_no=bill_no))


def list_titles(*, partner_id: int) -> QuerySet[InvoiceTitle]:
    """Those in use, the newest first."""
    return InvoiceTitle.objects.filter(partner=partner_id, is_active=True).order_by("-id")


def list_invoices(*, partner_id: int) -> QuerySet[Invoice]:
    """Credit invoices among them, the newest first."""
    return (
        Invoice.objects.filter(partner=partner_id)
        .select_related("title", "statement", "credits")
        .order_by("-id")
    )


def get_invoice(*, partner_id: int, invoice_no: str) -> Invoice:
    """:raises NotFound: when the partner has none with this number."""
    return _one(list_invoices(partner_id=partner_id).filter(invoice_no=invoice_no))


def show_invoice(invoice: Invoice) -> dict[str, Any]:
    """``GET /invoices/{no}``, with its lines."""
    return invoice_document(invoice, list(invoice.lines.order_by("position")))


def get_invoice_with_file(*, partner_id: int, invoice_no: str) -> Invoice:
    """
    :raises NotFound: when the partner has none with this number.
    :raises InvoiceStateConflict: when it has no file, with its ``status``.
    """
    invoice = get_invoice(partner_id=partner_id, invoice_no=invoice_no)
    if not invoice.file:
        raise InvoiceStateConflict(status=invoice.status)
    return invoice


def _one(rows: QuerySet[M]) -> M:
    found = rows.first()
    if found is None:
        raise NotFound
    return found
