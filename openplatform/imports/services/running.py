"""The worker checks files, and writes those that somebody confirmed."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from django.utils import translation
from django.utils.translation import gettext as _

from openplatform.core import clock, errors
from openplatform.core.errors import TemporarilyUnavailable
from openplatform.core.heartbeats import Heartbeat
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from openplatform.core.uploads.storage import local_copy
from openplatform.imports.errors import (
    ImportNeedsConfirmation,
    ImportRefused,
    ImportStateConflict,
    RowFault,
)
from openplatform.imports.models import ImportRun
from openplatform.imports.resources import ImportReport
from openplatform.imports.services.importing import import_file
from openplatform.imports.services.transitions import move
from openplatform.imports.states import RunStatus

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)  # renewed with every beat
PAUSE_WHEN_BUSY = timedelta(seconds=20)
MAX_ATTEMPTS = 5

CLAIM = """
    WITH due AS (
        SELECT id FROM imports_importrun
        WHERE due_at <= clock_timestamp()
        ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    UPDATE imports_importrun AS run
    SET claims = claims + 1, attempts = attempts + 1, rows_done = 0,
        due_at = clock_timestamp() + %s,
        status = CASE status WHEN 'uploaded' THEN 'checking' ELSE status END
    FROM due WHERE run.id = due.id
    RETURNING run.id
"""
RENEW = """
    UPDATE imports_importrun SET rows_done = %s, due_at = clock_timestamp() + %s
    WHERE id = %s AND claims = %s AND due_at IS NOT NULL
"""
PUT_OFF = """
    UPDATE imports_importrun SET due_at = clock_timestamp() + %s
    WHERE id = %s AND claims = %s AND due_at IS NOT NULL
"""


def run_due_imports() -> int:
    """Loop: check or write the file that is due first; 1, or 0 when none is.

    A run is claimed by a lease that is renewed as long as the worker lives. What a killed one held
    is begun anew when the lease ends: its transaction wrote nothing. Whoever has lost the lease
    writes nothing either, since the run's state changes in the transaction of the import.
    """
    row = send(CLAIM, [LEASE]).row()
    if row is None:
        return 0
    run = ImportRun.objects.select_related("user", "confirmed_by").get(pk=row[0])
    with translation.override(run.language):
        try:
            if run.attempts > MAX_ATTEMPTS:
                _fail(run, _("It was begun several times and never came to its end"))
            else:
                _work(run)
        except ImportStateConflict:
            log.warning("import_taken_over", run=run.pk)
        except TemporarilyUnavailable:
            log.warning("import_put_off", run=run.pk, attempts=run.attempts)
            send(PUT_OFF, [PAUSE_WHEN_BUSY, run.pk, run.claims])
    return 1


def _work(run: ImportRun) -> None:
    try:
        with local_copy(run.file) as file, _heartbeat_of(run) as heartbeat:
            if run.status == RunStatus.CHECKING:
                _check(run, file, heartbeat)
            else:
                _write(run, file, heartbeat)
    except FileNotFoundError:
        _fail(run, _("The stored file is gone; upload it again"))
    except errors.NotFound:
        _fail(run, _("Files of this kind are not imported any more"))


def _check(run: ImportRun, file: Path, heartbeat: Heartbeat) -> None:
    try:
        report = import_file(
            resource=run.resource,
            file=file,
            filename=run.filename,
            dry_run=True,
            is_page=True,
            actor=run.user.get_username(),
            on_progress=heartbeat.tell,
        )
    except ImportRefused as refused:
        _end(run, to=RunStatus.REFUSED, **_faults_of(refused))
    else:
        _end(run, to=RunStatus.CHECKED, **_told_by(report), checked_at=clock.now())


def _write(run: ImportRun, file: Path, heartbeat: Heartbeat) -> None:
    assert run.confirmed_by is not None  # noqa: S101 - a constraint
    try:
        import_file(
            resource=run.resource,
            file=file,
            filename=run.filename,
            is_page=True,
            actor=run.confirmed_by.get_username(),
            on_progress=heartbeat.tell,
            accept_warnings=bool(run.warning_count),
            seen_warnings=run.warnings_fingerprint,
            on_written=lambda report: move(
                run, to=RunStatus.IMPORTED, **_told_by(report), **_ended()
            ),
        )
    except ImportRefused as refused:
        _end(run, to=RunStatus.FAILED, **_faults_of(refused))
    except ImportNeedsConfirmation as asked:
        _end(
            run,
            to=RunStatus.CHECKED,
            **_told_by(asked.report),
            checked_at=clock.now(),
            confirmed_by=None,
            confirmed_at=None,
        )


@transactional
def _end(run: ImportRun, *, to: RunStatus, **fields: Any) -> None:
    move(run, to=to, due_at=None, **fields)


def _fail(run: ImportRun, text: str) -> None:
    log.error("import_failed", run=run.pk, attempts=run.attempts)
    refused = ImportRefused([RowFault(1, "", ImportRefused.code, text)])
    _end(run, to=RunStatus.FAILED, **_faults_of(refused))


def _faults_of(refused: ImportRefused) -> dict[str, Any]:
    return {
        "faults": [dataclasses.asdict(fault) for fault in refused.row_faults],
        "fault_count": refused.fault_count,
        "ended_at": clock.now(),
    }


def _told_by(report: ImportReport) -> dict[str, Any]:
    return {
        "report": {
            "rows": report.rows,
            "created": report.created,
            "updated": report.updated,
            "unchanged": report.unchanged,
            "messages": [str(message) for message in report.messages],
        },
        "rows_done": report.rows,
        "warnings": [dataclasses.asdict(warning) for warning in report.warnings],
        "warning_count": report.warning_count,
        "warnings_fingerprint": report.warnings_fingerprint,
    }


def _ended() -> dict[str, Any]:
    return {"due_at": None, "ended_at": clock.now()}


def _heartbeat_of(run: ImportRun) -> Heartbeat:
    def renew(rows: int) -> None:
        send(RENEW, [rows, LEASE, run.pk, run.claims])

    return Heartbeat(renew, name=f"import {run.pk}")
