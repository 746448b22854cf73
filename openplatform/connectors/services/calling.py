"""One call of a provider: allowed and counted before it is tried, told afterwards."""

from __future__ import annotations

import time
from datetime import datetime

import structlog

from openplatform.connectors.errors import Outcome, ProviderFault
from openplatform.connectors.models import MAX_ERROR, Provider, TrackedParcel
from openplatform.connectors.providers import DRIVERS
from openplatform.connectors.providers.base import Access, LogisticsProvider, Tracking
from openplatform.connectors.services.health import note_failure, note_success
from openplatform.core import sealing
from openplatform.core.locking import transactional
from openplatform.core.sealing import SealBroken
from openplatform.core.statements import send

LOCK = "SELECT id FROM connectors_trackedparcel WHERE id = %s FOR NO KEY UPDATE"
# In a statement of its own, begun once the parcel is locked: so it sees every call before it. What
# another provider said stands for that one's interval; where it failed, the spare may be asked.
START = """
    INSERT INTO connectors_providercall (provider_id, parcel_id, outcome, cost, error, created_at)
    SELECT provider.id, %(parcel_id)s::bigint, 'started',
        CASE WHEN provider.charging IN ('per_call', 'package') THEN provider.call_cost ELSE 0 END,
        '', clock_timestamp()
    FROM connectors_provider provider
    WHERE provider.id = %(provider_id)s AND provider.is_enabled AND NOT EXISTS (
        SELECT FROM connectors_providercall call
        JOIN connectors_provider asked ON asked.id = call.provider_id
        WHERE call.parcel_id = %(parcel_id)s::bigint
            AND (
                call.provider_id = provider.id
                OR call.outcome IN ('started', 'answered', 'unknown_parcel')
            )
            AND call.created_at > clock_timestamp() - make_interval(secs => asked.interval_seconds)
    )
    RETURNING id
"""
FINISH = """
    UPDATE connectors_providercall
    SET outcome = %(outcome)s, status_code = %(status_code)s, milliseconds = %(milliseconds)s,
        error = %(error)s, cost = CASE WHEN %(is_charged)s THEN cost ELSE 0 END
    WHERE id = %(call_id)s
"""
# What it never got, refused or failed at costs nothing. What it may have worked for counts, also
# when the answer was lost: our count is never below a bill that is right.
NOT_CHARGED = frozenset({Outcome.REFUSED, Outcome.FAILED, Outcome.UNREACHABLE})

log = structlog.get_logger(__name__)


def call_provider(*, provider: Provider, parcel: TrackedParcel, now: datetime) -> Tracking | None:
    """What a provider says of a parcel; None when it, or another that
    answered, was asked within the interval.

    1. Count the call, in a transaction of its own, under the parcel's lock. 2. Call, outside of any
    transaction. 3. Write down what came of it, and how the provider does.

    :raises ProviderFault: when it has nothing to work with.
    """
    call_id = _start_call(provider_id=provider.pk, parcel_id=parcel.pk)
    if call_id is None:
        return None
    began = time.monotonic()
    fault: ProviderFault | None = None
    tracking: Tracking | None = None
    try:
        tracking = driver_of(provider).track(
            carrier_code=parcel.carrier_code, waybill_no=parcel.waybill_no
        )
    except ProviderFault as error:
        fault = error
    milliseconds = round((time.monotonic() - began) * 1000)
    outcome = _outcome_of(tracking, fault)
    finish_call(
        call_id,
        provider,
        outcome,
        status_code=(fault or tracking).status_code,  # type: ignore[union-attr] # one is set
        milliseconds=milliseconds,
        error=fault.text if fault else "",
    )
    if fault is not None:
        note_failure(provider_id=provider.pk, error=f"{outcome.value}: {fault.text}", now=now)
        raise fault
    note_success(provider_id=provider.pk, now=now)
    return tracking


def driver_of(provider: Provider) -> LogisticsProvider:
    """How this provider is talked to.

    :raises ProviderFault: when its interface or its key is not to be had.
    """
    driver = DRIVERS.get(provider.driver)
    if driver is None:
        raise ProviderFault(Outcome.UNREACHABLE, "there is no such interface")
    return driver(access_to(provider))


def access_to(provider: Provider) -> Access:
    """Where it is, and the key that it knows us by.

    :raises ProviderFault: when that is not to be had.
    """
    try:
        api_key = sealing.unseal(provider.api_key)
    except SealBroken as error:
        raise ProviderFault(Outcome.UNREACHABLE, "its key was sealed under another key") from error
    return Access(provider.base_url, api_key, float(provider.timeout_seconds))


def finish_call(
    call_id: int,
    provider: Provider,
    outcome: Outcome,
    *,
    status_code: int | None,
    milliseconds: int,
    error: str,
) -> None:
    """Write down what came of a call.

    :param error: its text where it failed, else empty.
    """
    send(
        FINISH,
        {
            "call_id": call_id,
            "outcome": outcome.value,
            "status_code": status_code,
            "milliseconds": milliseconds,
            "error": error[:MAX_ERROR],
            "is_charged": outcome not in NOT_CHARGED,
        },
    )
    log.info(
        "provider_called", provider=provider.code, outcome=outcome.value, milliseconds=milliseconds
    )


@transactional
def _start_call(*, provider_id: int, parcel_id: int) -> int | None:
    send(LOCK, [parcel_id]).rows()
    row = send(START, {"provider_id": provider_id, "parcel_id": parcel_id}).row()
    return None if row is None else int(row[0])


def _outcome_of(tracking: Tracking | None, fault: ProviderFault | None) -> Outcome:
    if fault is not None:
        return fault.outcome
    is_known = tracking is not None and tracking.is_known
    return Outcome.ANSWERED if is_known else Outcome.UNKNOWN_PARCEL
