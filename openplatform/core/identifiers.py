"""Numbers and keys that we give out: unguessable, speakable, at most 24 characters."""

from __future__ import annotations

import secrets
from datetime import datetime

from openplatform.core.clock import PLATFORM_ZONE

# Crockford's base 32: no I, L, O, U, so nothing is misheard or misread.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
OF_BYTE = (ALPHABET * 8).encode()  # the character of a byte: of its last five bits
RANDOM_LENGTH = 10  # 50 bits


def random_text(length: int = RANDOM_LENGTH) -> str:
    """``length`` characters of five random bits each."""
    return secrets.token_bytes(length).translate(OF_BYTE).decode()


def dated_no(prefix: str, at: datetime) -> str:
    """A document number: prefix, the day on the platform's calendar, ten random characters."""
    return f"{prefix}{at.astimezone(PLATFORM_ZONE):%y%m%d}{random_text()}"
