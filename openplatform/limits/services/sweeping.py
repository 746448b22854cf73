"""Buckets that have long been empty say nothing and are swept out."""

from __future__ import annotations

from openplatform.core.statements import send

# Skips what a request holds, and so never waits: requests lock a key's row and then its partner's,
# and a sweep that waited for rows in another order could stand across their way.
SWEEP = """
    DELETE FROM limits_bucket WHERE name IN (
        SELECT name FROM limits_bucket WHERE empty_at < clock_timestamp() - interval '1 hour'
        LIMIT %s FOR UPDATE SKIP LOCKED
    )
    RETURNING name
"""
BATCH = 5000


def sweep_buckets() -> int:
    """Delete what has been empty for an hour, a batch at a time; how many went."""
    swept = 0
    while gone := len(send(SWEEP, [BATCH]).rows()):
        swept += gone
    return swept
