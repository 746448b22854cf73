"""How the workers are."""

from __future__ import annotations

from typing import NamedTuple

from openplatform.core.statements import send

LATE_AFTER = 60.0  # seconds without a sign of life; one is noted every 15

BEATS = """
    SELECT part, greatest(extract(epoch FROM min(age)), 0)::float8,
        count(*) FILTER (WHERE age <= make_interval(secs => %s))
    FROM operations_heartbeat, LATERAL (SELECT clock_timestamp() - beat_at AS age) AS aged
    GROUP BY part ORDER BY part
"""


class Beat(NamedTuple):
    """A part: seconds since the last sign of life of any worker that has it, and how many live."""

    part: str
    age: float
    living: int


def list_beats() -> list[Beat]:
    """Every part that any worker has had of late."""
    return [Beat(*row) for row in send(BEATS, [LATE_AFTER]).rows()]
