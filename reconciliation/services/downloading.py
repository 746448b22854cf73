"""Who took which file of a statement."""

from __future__ import annotations

from openplatform.audit.services.recording import record_change
from openplatform.core.locking import transactional
from reconciliation.models import StatementFile

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
