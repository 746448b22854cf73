"""The signs of life that a worker leaves in the database, for those on other machines."""

from __future__ import annotations

from openplatform.core.statements import send

NOTE = """
    INSERT INTO operations_heartbeat (worker, part, process_id, restarts, started_at, beat_at)
    VALUES (
        %(worker)s, %(part)s, %(process_id)s, %(restarts)s,
        clock_timestamp() - make_interval(secs => %(started_ago)s),
        clock_timestamp() - make_interval(secs => %(beat_ago)s)
    )
    ON CONFLICT (worker, part) DO UPDATE
        SET process_id = excluded.process_id, restarts = excluded.restarts,
            started_at = excluded.started_at, beat_at = excluded.beat_at
"""
FORGET = "DELETE FROM operations_heartbeat WHERE worker = %s AND part = %s"
FORGET_THE_DEAD = """
    DELETE FROM operations_heartbeat WHERE beat_at < clock_timestamp() - interval '1 day'
"""


def note_beat(
    *,
    worker: str,
    part: str,
    process_id: int,
    restarts: int,
    started_ago: float,
    beat_ago: float,
) -> None:
    """Write down when a part began and last gave a sign of life: seconds ago."""
    send(
        NOTE,
        {
            "worker": worker,
            "part": part,
            "process_id": process_id,
            "restarts": restarts,
            "started_ago": started_ago,
            "beat_ago": beat_ago,
        },
    )


def forget_part(*, worker: str, part: str) -> None:
    """Take the row of a part that stopped in order."""
    send(FORGET, [worker, part])


def forget_the_dead() -> None:
    """Take rows without a sign of life for a day: of workers that were killed."""
    send(FORGET_THE_DEAD)
