"""Parcels are asked about: by the worker, never by a request that somebody waits for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from openplatform.connectors.errors import ProviderFault
from openplatform.connectors.interest import is_awaited
from openplatform.connectors.models import Provider, TrackedParcel
from openplatform.connectors.parcels import FINAL
from openplatform.connectors.providers.base import Tracking
from openplatform.connectors.services.calling import call_provider
from openplatform.connectors.services.health import get_interval, list_route
from openplatform.connectors.services.recording import record_events
from openplatform.core import clock
from openplatform.core.locking import transactional
from openplatform.core.statements import send

LEASE = timedelta(minutes=2)  # more than all providers may take together
NOBODY_TO_ASK = timedelta(minutes=10)
GIVEN_UP_AFTER = timedelta(days=60)  # since it was first asked about

CLAIM = """
    WITH due AS (
        SELECT id FROM connectors_trackedparcel
        WHERE refresh_at <= clock_timestamp()
        ORDER BY refresh_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE connectors_trackedparcel parcel
    SET refresh_at = clock_timestamp() + %s, tried_at = clock_timestamp()
    FROM due WHERE parcel.id = due.id
    RETURNING parcel.id
"""
# Only as long as it did not move since it was asked who waits for it: who watches it from now on
# put it forward, and is to find it so.
SCHEDULE = """
    UPDATE connectors_trackedparcel
    SET refresh_at = clock_timestamp() + %(wait)s::interval
    WHERE id = %(parcel_id)s AND version = %(version)s AND refresh_at IS NOT NULL
"""


def refresh_due_parcels() -> int:
    """Loop: ask about the parcel that is due longest; 1 when there was one.

    It is claimed by a lease, so any number of workers may run, and what a killed one held is taken
    up when the lease ends.
    """
    row = send(CLAIM, [LEASE]).row()
    if row is None:
        return 0
    refresh_parcel(parcel_id=row[0], now=clock.now())
    return 1


def refresh_parcel(*, parcel_id: int, now: datetime) -> bool:
    """Ask about a parcel, the spare when the first fails; whether anybody answered.

    Each provider is asked at most once within its interval, whoever calls this and however often.
    No transaction is open while anybody is asked.
    """
    parcel = TrackedParcel.objects.get(pk=parcel_id)
    route = list_route(carrier_code=parcel.carrier_code)
    answered = _ask_along(route, parcel, now)
    if answered is not None:
        provider, tracking = answered
        _keep(parcel_id=parcel_id, provider_id=provider.pk, tracking=tracking, now=now)
    parcel.refresh_from_db()  # before anybody is asked whether they wait for it
    wait = _time_until_next(parcel, answered[0] if answered else None, now)
    send(SCHEDULE, {"parcel_id": parcel_id, "version": parcel.version, "wait": wait})
    return answered is not None


def _ask_along(
    route: Sequence[Provider], parcel: TrackedParcel, now: datetime
) -> tuple[Provider, Tracking] | None:
    for provider in route:
        try:
            tracking = call_provider(provider=provider, parcel=parcel, now=now)
        except ProviderFault:
            continue  # it is in the calls, and in the provider's health; the spare is next
        if tracking is None:
            return None  # it said what it knows a moment ago
        return provider, tracking
    return None


@transactional
def _keep(*, parcel_id: int, provider_id: int, tracking: Tracking, now: datetime) -> None:
    record_events(
        parcel_id=parcel_id,
        events=tracking.events,
        provider_id=provider_id,
        now=now,
        was_asked=True,
    )


def _time_until_next(
    parcel: TrackedParcel, answered_by: Provider | None, now: datetime
) -> timedelta | None:
    """None when nobody waits for it any more."""
    if (
        parcel.status in FINAL
        or now - parcel.created_at > GIVEN_UP_AFTER
        or not is_awaited(parcel.carrier_code, parcel.waybill_no)
    ):
        return None
    if answered_by is not None:
        return timedelta(seconds=answered_by.refresh_seconds)
    interval = get_interval(carrier_code=parcel.carrier_code)
    return NOBODY_TO_ASK if interval is None else timedelta(seconds=interval)
