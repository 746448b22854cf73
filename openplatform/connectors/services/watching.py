"""Which parcels are asked about, and when."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models.functions import Now

from openplatform.audit.services.recording import record_change
from openplatform.connectors.models import TrackedParcel
from openplatform.core.errors import NotFound
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send

# Heard of last before the number can have been given to this parcel, or handed over before this one
# was sent.
IS_OTHER = """
    (parcel.as_of <= %(since)s::timestamptz OR parcel.delivered_at < %(sent_since)s::timestamptz)
"""
# A parcel that is known already may have come further than who watches it now knows.
WATCH = f"""
    INSERT INTO connectors_trackedparcel AS parcel
        (carrier_code, waybill_no, status, refresh_at, counts_since)
    VALUES (
        %(carrier_code)s, %(waybill_no)s, 'pending', clock_timestamp(),
        CASE WHEN %(is_given_again)s THEN %(since)s::timestamptz END
    )
    ON CONFLICT (waybill_no, carrier_code) DO UPDATE
    SET follow_at = CASE
            WHEN parcel.status = 'pending' THEN parcel.follow_at
            WHEN {IS_OTHER} THEN NULL
            ELSE clock_timestamp() END,
        refresh_at = CASE
            WHEN {IS_OTHER} THEN clock_timestamp()
            WHEN parcel.status IN ('delivered', 'returned', 'lost') THEN NULL
            ELSE least(parcel.refresh_at, clock_timestamp()) END,
        version = parcel.version + 1,
        status = CASE
            WHEN {IS_OTHER} THEN 'pending'
            ELSE parcel.status END,
        delivered_at = CASE
            WHEN {IS_OTHER} THEN NULL
            ELSE parcel.delivered_at END,
        counts_since = CASE
            WHEN parcel.delivered_at < %(sent_since)s::timestamptz
                THEN %(sent_since)s::timestamptz
            WHEN {IS_OTHER} THEN %(since)s::timestamptz
            WHEN %(is_given_again)s AND parcel.status = 'pending'
                THEN greatest(parcel.counts_since, %(since)s::timestamptz)
            ELSE parcel.counts_since END,
        created_at = CASE
            WHEN {IS_OTHER} THEN clock_timestamp()
            ELSE parcel.created_at END,
        as_of = CASE
            WHEN {IS_OTHER} THEN NULL
            ELSE parcel.as_of END
"""  # noqa: S608 - of constants
KNOW = """
    INSERT INTO connectors_trackedparcel (carrier_code, waybill_no, status, refresh_at)
    VALUES (%(carrier_code)s, %(waybill_no)s, 'pending', clock_timestamp())
    ON CONFLICT (waybill_no, carrier_code) DO NOTHING
"""
# Two that make the same parcels come to them in one order, whatever files say.
KNOW_ALL = """
    INSERT INTO connectors_trackedparcel (carrier_code, waybill_no, status, refresh_at)
    SELECT carrier_code, waybill_no, 'pending', clock_timestamp()
    FROM unnest(%(carrier_codes)s::text[], %(waybill_nos)s::text[])
        AS told (carrier_code, waybill_no)
    ORDER BY waybill_no, carrier_code
    ON CONFLICT (waybill_no, carrier_code) DO NOTHING
"""
HOLD = """
    SELECT parcel.carrier_code, parcel.waybill_no, parcel.id
    FROM connectors_trackedparcel parcel
    JOIN unnest(%(carrier_codes)s::text[], %(waybill_nos)s::text[])
        AS told (carrier_code, waybill_no)
        ON told.waybill_no = parcel.waybill_no AND told.carrier_code = parcel.carrier_code
    ORDER BY parcel.id
    FOR NO KEY UPDATE OF parcel
"""
RESUME = """
    INSERT INTO connectors_trackedparcel AS parcel (carrier_code, waybill_no, status, refresh_at)
    VALUES (%(carrier_code)s, %(waybill_no)s, 'pending', clock_timestamp())
    ON CONFLICT (waybill_no, carrier_code) DO UPDATE
    SET refresh_at = clock_timestamp(), version = parcel.version + 1
    WHERE parcel.refresh_at IS NULL AND parcel.status NOT IN ('delivered', 'returned', 'lost')
"""
# However many ask, it is put forward once within the interval: `tried_at` moves with every try.
HASTEN = """
    UPDATE connectors_trackedparcel SET refresh_at = clock_timestamp()
    WHERE id = %(parcel_id)s
        AND (refresh_at IS NULL OR refresh_at > clock_timestamp())
        AND (tried_at IS NULL OR tried_at <= clock_timestamp() - make_interval(secs => %(seconds)s))
"""


def watch_parcel(
    *,
    carrier_code: str,
    waybill_no: str,
    since: datetime,
    sent_since: datetime,
    is_given_again: bool,
) -> None:
    """Step: have a parcel asked about from now on; its orders follow what is known of it.

    :param since: what was before is of an older parcel that had the number.
    :param sent_since: what was handed over before is another parcel, too, however short ago.
    :param is_given_again: whether there was such an older parcel, though nothing was heard of it.
    """
    require_transaction()
    send(
        WATCH,
        {
            "carrier_code": carrier_code,
            "waybill_no": waybill_no,
            "since": since,
            "sent_since": sent_since,
            "is_given_again": is_given_again,
        },
    )


def know_parcel(*, carrier_code: str, waybill_no: str) -> None:
    """A parcel that somebody asks for is there to be told of; one that is new is asked about."""
    send(KNOW, {"carrier_code": carrier_code, "waybill_no": waybill_no})


def hold_parcels(parcels: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Step: lock many parcels, by ascending primary key. Those that are new are asked about.

    :param parcels: carrier and waybill number of each.
    :returns: their primary keys, by the same.
    """
    require_transaction()
    told = list(parcels)
    names = {
        "carrier_codes": [carrier for carrier, _waybill in told],
        "waybill_nos": [waybill for _carrier, waybill in told],
    }
    send(KNOW_ALL, names)
    return {(carrier, waybill): pk for carrier, waybill, pk in send(HOLD, names).rows()}


def resume_parcel(*, carrier_code: str, waybill_no: str) -> None:
    """A parcel that nobody asks about, though it is under way, is asked about again."""
    send(RESUME, {"carrier_code": carrier_code, "waybill_no": waybill_no})


def hasten_refresh(*, parcel_id: int, interval_seconds: int) -> None:
    """Have the worker ask about a parcel next, unless it did so within the interval."""
    send(HASTEN, {"parcel_id": parcel_id, "seconds": interval_seconds})


@transactional
def ask_again(*, parcel_id: int, actor: str) -> None:
    """Somebody of the staff wants to know: the worker asks next. The provider's interval holds.

    :raises NotFound: when there is no such parcel.
    """
    parcel = TrackedParcel.objects.filter(pk=parcel_id).first()
    if parcel is None:
        raise NotFound
    TrackedParcel.objects.filter(pk=parcel_id).update(refresh_at=Now())
    record_change(
        action="ask_about_parcel",
        subject=parcel,
        before={"status": parcel.status, "asked": False},
        after={"status": parcel.status, "asked": True},
        actor=actor,
    )
