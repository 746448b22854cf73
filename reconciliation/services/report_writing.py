"""The worker writes long reports to files, once they are ready to be looked at."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

from openplatform.core import clock
from openplatform.core.background import note_progress
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from openplatform.core.uploads.storage import storing_path
from reconciliation.files.report import make_workbook
from reconciliation.models import Reconciliation, StatementFile

FOLDER = "reconciliation-reports"
LEASE = timedelta(minutes=15)  # 200,000 rows take less than one in each language
TAKE = """
    UPDATE reconciliation_reconciliation SET files_due_at = clock_timestamp() + %s
    WHERE id = (
        SELECT id FROM reconciliation_reconciliation
        WHERE files_due_at IS NOT NULL AND files_due_at <= clock_timestamp()
        ORDER BY files_due_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    )
    RETURNING id
"""


def write_due_report() -> int:
    """Loop: write the report that has waited longest, in both languages; 1, or 0 when none waits.

    Whoever is killed meanwhile leaves a lease that ends, and the files are written anew.
    """
    row = send(TAKE, [LEASE]).row()
    if row is None:
        return 0
    reconciliation = Reconciliation.objects.select_related("statement", "partner").get(pk=row[0])
    now = clock.now()
    with tempfile.TemporaryDirectory(prefix="report-") as folder, ExitStack() as stored:
        names = {}
        for language in StatementFile.Language.values:
            path = Path(folder) / f"{language}.xlsx"
            make_workbook(reconciliation, path, language)
            note_progress()
            place = storing_path(path, extension="xlsx", folder=FOLDER, now=now)
            names[language] = stored.enter_context(place)
        with suppress(WrittenElsewhere):
            _keep(reconciliation, names)
    return 1


class WrittenElsewhere(Exception):
    """Another worker was faster; our files are left to the sweeper."""


@transactional
def _keep(reconciliation: Reconciliation, names: dict[str, str]) -> None:
    held = Reconciliation.objects.select_for_update(no_key=True).get(pk=reconciliation.pk)
    if held.files_due_at is None:
        raise WrittenElsewhere
    held.report_files = names
    held.files_due_at = None
    held.save(update_fields=["report_files", "files_due_at"])
