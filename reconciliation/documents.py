"""Statements, reports, bills, titles and invoices as the contract shows them: the same in answers
and, but for the links, in messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings

from accounts.models import LedgerEntry
from openplatform.core import money
from openplatform.core.clock import to_text
from openplatform.core.uploads.links import signed_link
from reconciliation.models import (
    Bill,
    Invoice,
    InvoiceLine,
    InvoiceTitle,
    Reconciliation,
    ReconciliationRow,
    Statement,
    StatementFile,
)
from reconciliation.selectors.periods import period_kind
from reconciliation.states import PaperStatus

AMOUNT_OF_KIND = {
    LedgerEntry.Kind.TOP_UP: "top_up_amount",
    LedgerEntry.Kind.ORDER_PAYMENT: "order_payment_amount",
    LedgerEntry.Kind.REFUND: "refund_amount",
    LedgerEntry.Kind.ADJUSTMENT: "adjustment_amount",
    LedgerEntry.Kind.WITHDRAWAL: "withdrawal_amount",
}
RESULTS = [result.value for result in ReconciliationRow.Result]
NO_LINK = {"url": None, "expires_at": None}  # in messages, which outlive every link

Link = Callable[[StatementFile], dict[str, Any]]


def link_to(file: StatementFile) -> dict[str, Any]:
    """``url`` and ``expires_at`` of a statement's file, made anew for each answer."""
    name = filename_of(file.statement, file.format, file.language)
    return link_of(file.file, name)


def link_of(stored: str, filename: str) -> dict[str, Any]:
    """The same of any stored file."""
    url, expires_at = signed_link(stored, filename=filename)
    return {"url": url, "expires_at": to_text(expires_at)}


def filename_of(statement: Statement, format: str, language: str) -> str:
    """What a file of a statement is called when it is saved: ``statement-<partner>-<first
    day>-<last day>-<language>.<format>``, of a single day with the day once.
    """
    first, last = statement.period_start.isoformat(), statement.period_end.isoformat()
    period = first if first == last else f"{first}-{last}"
    return f"statement-{statement.partner.code}-{period}-{language}.{format}"


def statement_document(
    statement: Statement, files: Iterable[StatementFile], *, link: Link | None = None
) -> dict[str, Any]:
    """``GET /statements/{no}``.

    :param link: for answers; None for messages.
    """
    is_ready = statement.status == PaperStatus.READY
    return {
        "statement_no": statement.statement_no,
        "currency": settings.CURRENCY,
        "period_start": statement.period_start.isoformat(),
        "period_end": statement.period_end.isoformat(),
        "kind": period_kind(statement.period_start, statement.period_end).value,
        "status": statement.status,
        "opening": _standing(statement, "opening") if is_ready else None,
        "closing": _standing(statement, "closing") if is_ready else None,
        "totals": (
            {
                kind.value: money.to_text(getattr(statement, column))
                for kind, column in AMOUNT_OF_KIND.items()
            }
            if is_ready
            else None
        ),
        "entry_count": _entry_count(statement) if is_ready else None,
        "files": [
            {
                "format": file.format,
                "language": file.language,
                "sha256": file.sha256,
                "size_bytes": file.size_bytes,
                **(NO_LINK if link is None else link(file)),
            }
            for file in sorted(files, key=lambda file: (file.language, file.format))
        ],
        "created_at": to_text(statement.created_at),
        "ready_at": to_text(statement.ready_at),
    }


def reconciliation_document(reconciliation: Reconciliation) -> dict[str, Any]:
    """``GET /reconciliations/{no}``.

    ``bridge`` leads from their closing to ours: ``their_closing`` (our opening and their rows) and
    what each result has more on our side come to ``our_closing``.
    """
    statement = reconciliation.statement
    is_ready = reconciliation.status == PaperStatus.READY
    return {
        "reconciliation_no": reconciliation.reconciliation_no,
        "currency": settings.CURRENCY,
        "period_start": statement.period_start.isoformat(),
        "period_end": statement.period_end.isoformat(),
        "statement_no": statement.statement_no,
        "status": reconciliation.status,
        "filename": reconciliation.filename,
        "sha256": reconciliation.file_sha256,
        "columns": reconciliation.columns,
        "row_count": reconciliation.row_count,
        "results": (
            {name: reconciliation.results.get(name, {}).get("count", 0) for name in RESULTS}
            if is_ready
            else None
        ),
        "bridge": _bridge(reconciliation) if is_ready else None,
        "fault_count": reconciliation.fault_count,
        "faults": reconciliation.faults,
        "created_at": to_text(reconciliation.created_at),
        "ready_at": to_text(reconciliation.ready_at),
    }


def _bridge(reconciliation: Reconciliation) -> dict[str, str]:
    opening = reconciliation.statement.opening_balance
    theirs, ours = reconciliation.their_amount, reconciliation.our_amount
    assert opening is not None  # noqa: S101 - the statement of a ready report is ready
    assert theirs is not None  # noqa: S101
    assert ours is not None  # noqa: S101

    def difference(name: str) -> Decimal:
        """What our side of a result has more than theirs."""
        sums = reconciliation.results.get(name, {"their_amount": "0.00", "our_amount": "0.00"})
        return Decimal(sums["our_amount"]) - Decimal(sums["their_amount"])

    return {
        "opening": money.to_text(opening),
        "their_closing": money.to_text(opening + theirs),
        **{name: money.to_text(difference(name)) for name in RESULTS if name != "matched"},
        "our_closing": money.to_text(opening + ours),
    }


def row_document(row: ReconciliationRow) -> dict[str, Any]:
    """A row of ``GET /reconciliations/{no}/rows``."""
    return {
        "position": row.position,
        "file_row": row.file_row,
        "result": row.result,
        "cause": row.cause or None,
        "kind": row.kind,
        "merchant_order_no": row.merchant_order_no or None,
        "merchant_aftersale_no": row.merchant_aftersale_no or None,
        "their_amount": _amount(row.their_amount),
        "our_amount": _amount(row.our_amount),
        "difference": money.to_text(
            (row.our_amount or money.ZERO) - (row.their_amount or money.ZERO)
        ),
        "their_at": row.their_at or None,
        "our_at": to_text(row.our_at),
        "their_status": row.their_status or None,
        "our_status": row.our_status or None,
        "entry_no": None if row.entry_no is None else str(row.entry_no),
        "order_no": row.order_no or None,
        "suborder_no": row.suborder_no or None,
        "aftersale_no": row.aftersale_no or None,
        "document": row.document or None,
        "document_no": row.document_no or None,
        "resolution": (
            {"note": row.resolution, "at": to_text(row.resolved_at)} if row.resolved_at else None
        ),
    }


def bill_document(bill: Bill) -> dict[str, Any]:
    """``GET /bills/{no}``."""
    return {
        "bill_no": bill.bill_no,
        "currency": settings.CURRENCY,
        "period_start": bill.statement.period_start.isoformat(),
        "period_end": bill.statement.period_end.isoformat(),
        "statement_no": bill.statement.statement_no,
        "status": bill.status,
        "amount": money.to_text(bill.amount),
        "paid_amount": money.to_text(bill.paid_amount),
        "outstanding_amount": money.to_text(bill.outstanding_amount),
        "due_on": bill.due_on.isoformat(),
        "issued_at": to_text(bill.issued_at),
        "overdue_at": to_text(bill.overdue_at),
        "paid_at": to_text(bill.paid_at),
        "version": bill.version,
    }


def title_document(title: InvoiceTitle) -> dict[str, Any]:
    """A row of ``GET /invoice-titles``."""
    return {
        "title_id": title.title_id,
        "kind": title.kind,
        "name": title.name,
        "tax_number": title.tax_number or None,
        "address": title.address or None,
        "phone": title.phone or None,
        "bank_name": title.bank_name or None,
        "bank_account": title.bank_account or None,
        "email": title.email or None,
        "created_at": to_text(title.created_at),
    }


def invoice_document(
    invoice: Invoice, lines: Sequence[InvoiceLine] | None = None
) -> dict[str, Any]:
    """``GET /invoices/{no}``; without ``lines``, a row of the list and the object of messages."""
    return {
        "invoice_no": invoice.invoice_no,
        "currency": settings.CURRENCY,
        "kind": invoice.kind,
        "status": invoice.status,
        "title": title_document(invoice.title),
        "order_no": invoice.order_no or None,
        "statement_no": invoice.statement.statement_no if invoice.statement else None,
        "credits": invoice.credits.invoice_no if invoice.credits else None,
        "amount": money.to_text(invoice.amount),
        "tax_amount": money.to_text(invoice.tax_amount),
        "remark": invoice.remark or None,
        "reason": invoice.reason or None,
        "fiscal_code": invoice.fiscal_code or None,
        "fiscal_number": invoice.fiscal_number or None,
        "sha256": invoice.file_sha256 or None,
        **({} if lines is None else {"lines": [_invoice_line(line) for line in lines]}),
        "version": invoice.version,
        "created_at": to_text(invoice.created_at),
        "updated_at": to_text(invoice.updated_at),
        "issued_at": to_text(invoice.issued_at),
        "cancelled_at": to_text(invoice.cancelled_at),
    }


def _invoice_line(line: InvoiceLine) -> dict[str, Any]:
    return {
        "order_no": line.order_no,
        "sku": line.sku or None,
        "name": line.name,
        "unit": line.unit or None,
        "quantity": line.quantity,
        "unit_price": money.to_text(line.unit_price),
        "tax_rate": money.rate_to_text(line.tax_rate),
        "amount": money.to_text(line.amount),
        "tax_amount": money.to_text(line.tax_amount),
    }


def _standing(statement: Statement, end: str) -> dict[str, str]:
    return {
        "balance": money.to_text(getattr(statement, f"{end}_balance")),
        "held_amount": money.to_text(getattr(statement, f"{end}_held_amount")),
        "credit_limit": money.to_text(getattr(statement, f"{end}_credit_limit")),
    }


def _entry_count(statement: Statement) -> int:
    assert statement.closing_entry_no is not None  # noqa: S101 - asked of ready ones only
    assert statement.opening_entry_no is not None  # noqa: S101
    return statement.closing_entry_no - statement.opening_entry_no


def _amount(amount: Decimal | None) -> str | None:
    return None if amount is None else money.to_text(amount)
