"""How providers do: who fails rests for a while, and the spare is asked meanwhile."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from openplatform.connectors.models import MAX_ERROR, Provider
from openplatform.core.statements import send

RESTS_AFTER = 3  # failures in a row
FIRST_REST = 30  # seconds, doubled with each failure more
LONGEST_REST = 15 * 60

FAILED = """
    UPDATE connectors_provider
    SET failures_in_a_row = failures_in_a_row + 1,
        last_failure_at = %(now)s, last_error = %(error)s,
        resting_until = CASE
            WHEN failures_in_a_row + 1 < %(rests_after)s THEN NULL
            ELSE clock_timestamp() + make_interval(secs => least(
                %(first_rest)s * 2.0 ^ least(failures_in_a_row + 1 - %(rests_after)s, 10),
                %(longest_rest)s
            ))
        END
    WHERE id = %(provider_id)s
"""


def list_route(*, carrier_code: str) -> list[Provider]:
    """Whom to ask about a parcel of this carrier now: the first, then its spares. Who rests after
    failures is left out.
    """
    awake = Q(resting_until=None) | Q(resting_until__lte=Now())
    return list(_serving(carrier_code).filter(awake))


def get_interval(*, carrier_code: str) -> int | None:
    """Seconds within which no parcel of this carrier is asked about twice, by the terms of whoever
    is asked first while all are well; None when nobody can be asked.
    """
    first = _serving(carrier_code).first()
    return None if first is None else first.interval_seconds


def note_success(*, provider_id: int, now: datetime) -> None:
    """It answered: whatever was, is over."""
    Provider.objects.filter(pk=provider_id).update(
        failures_in_a_row=0, resting_until=None, last_success_at=now
    )


def note_failure(*, provider_id: int, error: str, now: datetime) -> None:
    """It did not; after three times in a row it rests, longer and longer up to 15 minutes."""
    send(
        FAILED,
        {
            "provider_id": provider_id,
            "error": error[:MAX_ERROR],
            "now": now,
            "rests_after": RESTS_AFTER,
            "first_rest": FIRST_REST,
            "longest_rest": LONGEST_REST,
        },
    )


def _serving(carrier_code: str) -> QuerySet[Provider]:
    enabled = Provider.objects.filter(service=Provider.Service.LOGISTICS, is_enabled=True).order_by(
        "priority", "code"
    )
    return enabled.filter(Q(carriers=[]) | Q(carriers__contains=[carrier_code]))
