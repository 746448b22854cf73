"""The one way in which a run changes its state."""

from __future__ import annotations

from typing import Any

from openplatform.core.locking import require_transaction
from openplatform.imports.errors import ImportStateConflict
from openplatform.imports.models import ImportRun
from openplatform.imports.states import RUN_TRANSITIONS, RunStatus


def move(run: ImportRun, *, to: RunStatus, **fields: Any) -> None:
    """Step: from the state in which ``run`` was read to another; the object stays as it is.

    :raises ImportStateConflict: when no such step leads on, or the run has moved on since, or a
        worker has taken it over.
    """
    require_transaction()
    if to not in RUN_TRANSITIONS[RunStatus(run.status)]:
        raise ImportStateConflict
    unmoved = ImportRun.objects.filter(pk=run.pk, status=run.status, claims=run.claims)
    if not unmoved.update(status=to, **fields):
        raise ImportStateConflict
