"""Stamps. A deadline is not a stamp: it is set and compared in SQL with ``clock_timestamp()``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

PLATFORM_ZONE = ZoneInfo("Asia/Shanghai")

Clock = Callable[[], datetime]


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def to_text(moment: datetime | None) -> str | None:
    """RFC 3339 in the platform's time zone, to the microsecond."""
    return None if moment is None else moment.astimezone(PLATFORM_ZONE).isoformat()
