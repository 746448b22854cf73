"""Finance explains the differences of a report."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from openplatform.audit.services.recording import record_change
from openplatform.core.errors import FieldInvalid, FieldRequired, NotFound
from openplatform.core.locking import transactional
from reconciliation.errors import ReconciliationNotReady
from reconciliation.models import Reconciliation, ReconciliationRow
from reconciliation.states import PaperStatus

MAX_NOTE = 500


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rows of a report: those at some positions, or all differences of a result and cause.

    :param positions: None for all.
    :param result, cause: "" for any.
    :param unresolved_only: whether rows that have a note keep it.
    """

    positions: Collection[int] | None = None
    result: str = ""
    cause: str = ""
    unresolved_only: bool = False


@transactional
def resolve_rows(
    *, reconciliation_no: str, chosen: Chosen, note: str, actor: str, now: datetime
) -> int:
    """Write one note on differences of a report; how many have it now.

    The report is locked, so that the notes of two people come one after the other; the trail keeps
    them both. Rows that match need no explanation and are left alone.

    :raises NotFound: when there is no such report.
    :raises ReconciliationNotReady: unless it is ready.
    :raises FieldRequired, FieldInvalid: for a note that is empty or over 500 characters; when none
        of the rows is a difference.
    """
    text = note.strip()
    if not text:
        raise FieldRequired(pointer="/note")
    if len(text) > MAX_NOTE:
        raise FieldInvalid(pointer="/note", maximum=MAX_NOTE)
    reconciliation = (
        Reconciliation.objects.select_for_update(no_key=True)
        .filter(reconciliation_no=reconciliation_no)
        .first()
    )
    if reconciliation is None:
        raise NotFound(pointer="/reconciliation_no")
    if reconciliation.status != PaperStatus.READY:
        raise ReconciliationNotReady(status=reconciliation.status)
    rows = ReconciliationRow.objects.filter(reconciliation=reconciliation).filter(
        _condition(chosen)
    )
    positions = list(rows.order_by("position").values_list("position", flat=True))
    count = rows.update(resolution=text, resolved_by=actor, resolved_at=now)
    if not count:
        raise FieldInvalid(_("None of these rows is a difference"), pointer="/rows")
    record_change(
        action="resolve_differences",
        subject=reconciliation,
        before={},
        after={"rows": _shown(positions), "count": count, "note": text},
        actor=actor,
        partner_id=reconciliation.partner_id,
    )
    return count


def _condition(chosen: Chosen) -> Q:
    condition = ~Q(result=ReconciliationRow.Result.MATCHED)
    if chosen.positions is not None:
        condition &= Q(position__in=list(chosen.positions))
    if chosen.result:
        condition &= Q(result=chosen.result)
    if chosen.cause:
        condition &= Q(cause=chosen.cause)
    if chosen.unresolved_only:
        condition &= Q(resolved_at=None)
    return condition


def _shown(positions: list[int]) -> str:
    """``3-7, 9``: short in the trail, however many they are."""
    ranges: list[list[int]] = []
    for position in positions:
        if ranges and position == ranges[-1][1] + 1:
            ranges[-1][1] = position
        else:
            ranges.append([position, position])
    parts = [str(a) if a == b else f"{a}-{b}" for a, b in ranges]
    return ", ".join(parts)[:2000]
