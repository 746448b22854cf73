"""Stamps. A deadline is not a stamp: it is set and compared in SQL with ``clock_timestamp()``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_datetime

PLATFORM_ZONE = ZoneInfo("Asia/Shanghai")
# Of moments that people and their files name. Of year 1 the database reads none back.
YEARS = range(2000, 3000)
RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)

Clock = Callable[[], datetime]


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def to_text(moment: datetime | None) -> str | None:
    """RFC 3339 in the platform's time zone, to the microsecond."""
    return None if moment is None else moment.astimezone(PLATFORM_ZONE).isoformat()


def from_text(text: str) -> datetime | None:
    """The moment of an RFC 3339 text with offset; None for any other text.

    Python reads all of ISO 8601 and digits of any script; the contract is narrower.
    """
    if not RFC_3339.fullmatch(text):
        return None
    try:
        return parse_datetime(text.upper())
    except ValueError:
        return None
