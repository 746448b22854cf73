"""Who took which file away."""

from __future__ import annotations

from openplatform.audit.services.recording import record_change
from openplatform.core.locking import transactional
from reconciliation.models import Invoice, Reconciliation, StatementFile

DOWNLOAD_STATEMENT = "download_statement"


@transactional
def note_download(*, file: StatementFile, actor: str) -> None:
    """Write down that somebody is given a file of a statement.

    :param actor: a user name, or ``key:op_xxxxxxxx`` for a merchant's program.
    """
    record_change(
        action=DOWNLOAD_STATEMENT,
        subject=file.statement,
        before={},
        after={"format": file.format, "language": file.language, "sha256": file.sha256},
        actor=actor,
        partner_id=file.statement.partner_id,
    )


@transactional
def note_report_download(*, reconciliation: Reconciliation, language: str, actor: str) -> None:
    """Write down that a member of staff is given a report as a workbook."""
    record_change(
        action="download_reconciliation",
        subject=reconciliation,
        before={},
        after={"format": "xlsx", "language": language},
        actor=actor,
        partner_id=reconciliation.partner_id,
    )


@transactional
def note_invoice_download(*, invoice: Invoice, actor: str) -> None:
    """Write down that a member of staff is given the file of an invoice."""
    record_change(
        action="download_invoice",
        subject=invoice,
        before={},
        after={"fiscal_number": invoice.fiscal_number, "file_sha256": invoice.file_sha256},
        actor=actor,
        partner_id=invoice.partner_id,
    )
