"""How long to wait after a failure."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from django.conf import settings

JITTER = 0.1  # of a wait, to either side, so that what failed together does not come back together
MAX_RETRY_AFTER = 24 * 3600.0  # seconds
MAX_DIGITS = 9


def wait_after(tries: int) -> float | None:
    """Seconds until a message is tried again after this many tries that failed; None: never."""
    waits = settings.WEBHOOK_WAITS
    return _jittered(waits[tries]) if tries < len(waits) else None


def probe_wait(failed_probes: int) -> float:
    """Seconds until a failing endpoint is tried (again), after so many probes that failed."""
    waits = settings.WEBHOOK_WAITS[1:] or settings.WEBHOOK_WAITS
    return _jittered(waits[min(failed_probes, len(waits) - 1)])


def read_retry_after(text: str | None, now: datetime) -> float:
    """The seconds that ``Retry-After`` asks for (RFC 9110, 10.2.3), a day at most; 0 for nonsense.

    It is a number of seconds, or a date of HTTP.
    """
    text = (text or "").strip()
    if text.isascii() and text.isdecimal():
        seconds = float(text) if len(text) <= MAX_DIGITS else math.inf
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return 0.0
        if moment.tzinfo is None:  # "-0000": HTTP has no other zone than this
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
