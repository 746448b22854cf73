"""A moment that lies before every write still open."""

from __future__ import annotations

from datetime import datetime

from openplatform.core.statements import send

# Stamps are taken before the transaction that writes them begins, or a retry of it; the margin
# covers the time that a service may wait for its locks, every retry included.
MARGIN_SECONDS = 40
HORIZON = """
    SELECT least(clock_timestamp(), min(xact_start)) - make_interval(secs => %s)
    FROM pg_stat_activity
    WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
"""


def get_as_of() -> datetime:
    """The value for a client's next ``updated_after``: every change stamped later will be seen."""
    row = send(HORIZON, [MARGIN_SECONDS]).row()
    assert row is not None  # noqa: S101 - an aggregate always has a row
    moment: datetime = row[0]
    return moment
