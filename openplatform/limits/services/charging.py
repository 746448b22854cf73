"""Requests counted in the database, so that there is one count for all processes.

Not steps of another service: a request counts whatever becomes of it, and a bucket that stayed
locked until an order commits would make its partner's requests wait for each other.
"""

from __future__ import annotations

from typing import NamedTuple

from openplatform.core.statements import send
from openplatform.limits.buckets import Limit

# The conditions and sums of DO UPDATE are computed when the row is locked, and by the clock of that
# moment, so whatever the number of processes each unit is poured once and none too many. A row is
# written only where a unit fits, and the partner's only after the key's.
CHARGE = """
    WITH key AS (
        INSERT INTO limits_bucket AS bucket (name, empty_at)
        VALUES (%(key)s, clock_timestamp() + make_interval(secs => %(key_unit)s))
        ON CONFLICT (name) DO UPDATE
        SET empty_at = greatest(bucket.empty_at, clock_timestamp())
            + make_interval(secs => %(key_unit)s)
        WHERE bucket.empty_at <= clock_timestamp() + make_interval(secs => %(key_room)s)
        RETURNING empty_at
    ), partner AS (
        INSERT INTO limits_bucket AS bucket (name, empty_at)
        SELECT %(partner)s, clock_timestamp() + make_interval(secs => %(partner_unit)s) FROM key
        ON CONFLICT (name) DO UPDATE
        SET empty_at = greatest(bucket.empty_at, clock_timestamp())
            + make_interval(secs => %(partner_unit)s)
        WHERE bucket.empty_at <= clock_timestamp() + make_interval(secs => %(partner_room)s)
        RETURNING empty_at
    )
    SELECT (extract(epoch FROM key.empty_at - clock_timestamp()) * 1000000)::bigint,
        (extract(epoch FROM partner.empty_at - clock_timestamp()) * 1000000)::bigint,
        (SELECT (extract(epoch FROM empty_at - clock_timestamp()) * 1000000)::bigint
            FROM limits_bucket WHERE name = %(missing)s)
    FROM key LEFT JOIN partner ON true
"""
READ = """
    SELECT (extract(epoch FROM empty_at - clock_timestamp()) * 1000000)::bigint
    FROM limits_bucket WHERE name = %s
"""
ADD = """
    INSERT INTO limits_bucket AS bucket (name, empty_at)
    VALUES (%(bucket)s, clock_timestamp() + make_interval(secs => %(unit)s))
    ON CONFLICT (name) DO UPDATE
    SET empty_at = greatest(bucket.empty_at, clock_timestamp()) + make_interval(secs => %(unit)s)
"""
POUR = """
    INSERT INTO limits_bucket AS bucket (name, empty_at)
    VALUES (%(bucket)s, clock_timestamp() + make_interval(secs => %(unit)s))
    ON CONFLICT (name) DO UPDATE
    SET empty_at = greatest(bucket.empty_at, clock_timestamp()) + make_interval(secs => %(unit)s)
    WHERE bucket.empty_at <= clock_timestamp() + make_interval(secs => %(room)s)
    RETURNING name
"""
GIVE_BACK = """
    UPDATE limits_bucket SET empty_at = empty_at - make_interval(secs => %(unit)s)
    WHERE name = %(bucket)s
"""
EMPTY = "DELETE FROM limits_bucket WHERE name = %(bucket)s"


class Charged(NamedTuple):
    """In how many microseconds each bucket is empty.

    None for ``key`` or ``partner``: the request did not fit. None for ``missing``: there is no such
    bucket, or it was not asked for.
    """

    key_us: int | None
    partner_us: int | None
    missing_us: int | None


def charge(*, key: Limit, partner: Limit, missing: Limit | None) -> Charged:
    """Pour one request into the key's bucket and, if it fits there, into the partner's."""
    row = send(
        CHARGE,
        {
            "key": key.bucket,
            "key_unit": key.policy.unit_seconds,
            "key_room": key.policy.room_seconds,
            "partner": partner.bucket,
            "partner_unit": partner.policy.unit_seconds,
            "partner_room": partner.policy.room_seconds,
            "missing": None if missing is None else missing.bucket,
        },
    ).row()
    return Charged(None, None, None) if row is None else Charged(*row)


def add(*, limit: Limit) -> None:
    """Pour one unit into a bucket, whether or not it fits."""
    send(ADD, {"bucket": limit.bucket, "unit": limit.policy.unit_seconds})


def pour(*, limit: Limit) -> bool:
    """Pour one unit into a bucket; whether it fitted. Nothing is poured when it does not."""
    policy = limit.policy
    parameters = {
        "bucket": limit.bucket,
        "unit": policy.unit_seconds,
        "room": policy.room_seconds,
    }
    return send(POUR, parameters).row() is not None


def give_back(*, limit: Limit) -> None:
    """Take out a unit that was poured in before it was known whether it counts."""
    send(GIVE_BACK, {"bucket": limit.bucket, "unit": limit.policy.unit_seconds})


def empty(*, limit: Limit) -> None:
    """Have a bucket as if nothing had ever been poured in."""
    send(EMPTY, {"bucket": limit.bucket})


def read_used_us(*, limit: Limit) -> int:
    """In how many microseconds a bucket is empty; not above 0 when it is."""
    row = send(READ, [limit.bucket]).row()
    return 0 if row is None else int(row[0])
