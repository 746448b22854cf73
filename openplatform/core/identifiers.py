"""Numbers and keys that we give out: unguessable, speakable, at most 24 characters."""

from __future__ import annotations

import secrets
from datetime import datetime

from openplatform.core.clock import PLATFORM_ZONE

# Crockford's base 32: no I, L, O, U, so nothing is misheard or misread.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_LENGTH = 10  # 50 bits


def random_text(length: int = RANDOM_LENGTH) -> str:
    """``length`` characters of five random bits each."""
    number = secrets.randbits(5 * length)
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(0, 5 * length, 5))


def dated_no(prefix: str, at: datetime) -> str:
    """A document number: prefix, the day on the platform's calendar, ten random characters."""
    return f"{prefix}{at.astimezone(PLATFORM_ZONE):%y%m%d}{random_text()}"
