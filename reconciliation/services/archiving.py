"""Who took the statements of many merchants at once."""

from __future__ import annotations

from collections.abc import Sequence

from openplatform.audit.services.recording import record_run
from openplatform.core.locking import transactional
from reconciliation.models import StatementFile

ARCHIVE = "reconciliation.archive"  # in the place of a table's name in the trail


@transactional
def note_archive(*, period: str, filename: str, files: Sequence[StatementFile], actor: str) -> None:
    """Write down that somebody is given many files at once: one download, with the list of the
    statements.

    :param period: by which the archives of a period are found again.
    """
    record_run(
        action="download_archive",
        kind=ARCHIVE,
        number=period,
        label=filename,
        outcome={
            "files": len(files),
            "formats": sorted({file.format for file in files}),
            "languages": sorted({file.language for file in files}),
            "statements": sorted({file.statement.statement_no for file in files}),
        },
        actor=actor,
    )
