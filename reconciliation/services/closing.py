"""A month is closed: somebody of finance says so, and the trail keeps what stood then."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.audit.services.recording import record_run
from openplatform.core.errors import FieldInvalid, FieldRequired
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from reconciliation.selectors.closing import CLOSED_MONTH, Standing, is_closed
from reconciliation.selectors.summary import PARTS

LOCK = "SELECT pg_advisory_xact_lock(hashtext(%s))"  # two people at once close it once


@transactional
def close_month(*, standing: Standing, note: str, actor: str) -> None:
    """Keep that a month is closed, with how each step stood and what was added up.

    Nothing is locked by it: a day that has ended takes no entry any more, and a statement that is
    ready never changes. What is put right is booked in the running month.

    :param standing: as the one who closes it saw it.
    :param note: needed when something is left open.
    :raises FieldInvalid: while something has to be done before, and when it is closed already.
    :raises FieldRequired: when the note is needed.
    """
    if not standing.may_close or standing.summary is None:
        raise FieldInvalid(_("Something has to be done before the month can be closed"))
    if not (standing.is_clear or note):
        raise FieldRequired(pointer="/note")
    send(LOCK, [f"close {standing.month}"]).rows()
    if is_closed(standing.month):
        raise FieldInvalid(_("The month is closed already"))
    stated = standing.summary.stated
    record_run(
        action="close_month",
        kind=CLOSED_MONTH,
        number=str(standing.month),
        label=str(standing.month),
        outcome={
            "steps": {step.value: progress.value for step, progress in standing.steps.items()},
            "totals": {part: stated.amounts[part] for part in PARTS},
            "entries": stated.entry_count,
            "note": note,
        },
        actor=actor,
    )
