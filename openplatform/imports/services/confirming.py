"""A person decides what becomes of a file that was checked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models.functions import Now

from openplatform.audit.services.recording import record_change
from openplatform.core.errors import NotFound
from openplatform.core.locking import transactional
from openplatform.imports.errors import ImportNeedsConfirmation
from openplatform.imports.models import ImportRun
from openplatform.imports.resources import ImportReport
from openplatform.imports.selectors import list_runs_for
from openplatform.imports.services.transitions import move
from openplatform.imports.states import RunStatus


@transactional
def confirm_import(*, run_id: int, accepts_warnings: bool, user: User, now: datetime) -> None:
    """Have a worker write what was checked. Of two at once, one does it.

    :param accepts_warnings: that the user has seen the warnings, and wants it all the same.
    :raises NotFound: when there is no such run, or not for this user.
    :raises ImportStateConflict: when it does not wait for this, or not any more.
    :raises ImportNeedsConfirmation: when there are warnings, and they were not accepted.
    """
    run = _get(run_id, user)
    if run.warning_count and not accepts_warnings:
        report = ImportReport(run.resource, is_dry_run=True, warning_count=run.warning_count)
        raise ImportNeedsConfirmation(report)
    move(
        run,
        to=RunStatus.IMPORTING,
        due_at=Now(),
        attempts=0,
        rows_done=0,
        confirmed_by=user,
        confirmed_at=now,
    )
    _record(
        run, "confirm_import", RunStatus.IMPORTING, user, warning_count=run.warning_count or None
    )


@transactional
def check_again(*, run_id: int, user: User) -> None:
    """Have a worker check a file anew, since what it leans on was changed meanwhile.

    :raises NotFound: when there is no such run, or not for this user.
    :raises ImportStateConflict: while it is being worked on, and once it was imported.
    """
    run = _get(run_id, user)
    move(
        run,
        to=RunStatus.UPLOADED,
        due_at=Now(),
        attempts=0,
        rows_done=0,
        report={},
        faults=[],
        fault_count=0,
        warnings=[],
        warning_count=0,
        warnings_fingerprint="",
        confirmed_by=None,
        confirmed_at=None,
        checked_at=None,
        ended_at=None,
    )
    _record(run, "check_import_again", RunStatus.UPLOADED, user)


def _get(run_id: int, user: User) -> ImportRun:
    run = list_runs_for(user).filter(pk=run_id).first()
    if run is None:
        raise NotFound
    return run


def _record(run: ImportRun, action: str, to: RunStatus, user: User, **more: Any) -> None:
    facts = {name: value for name, value in more.items() if value is not None}
    record_change(
        action=action,
        subject=run,
        before={"status": run.status},
        after={"status": to.value, **facts},
        actor=user.get_username(),
    )
