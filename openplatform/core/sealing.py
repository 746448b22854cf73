"""Secrets that we have to use again, unreadable where they are stored.

What others prove themselves to us with is kept as a digest. What we prove ourselves with, or check
a signature by, is needed in plain text; it is sealed with a key that follows from ``SECRET_KEY``,
so that a copy of the database alone opens nothing. When ``SECRET_KEY`` changes, the old one in
``SECRET_KEY_FALLBACKS`` still opens what it sealed.
"""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

PURPOSE = b"platform.seal.1"


class SealBroken(Exception):
    """It was sealed under another key, or is damaged."""


def seal(text: str) -> bytes:
    """The text sealed; nothing stays nothing."""
    return _keys().encrypt(text.encode()) if text else b""


def unseal(sealed: bytes | memoryview) -> str:
    """The text that was sealed.

    :raises SealBroken: when this platform's keys do not open it.
    """
    if not sealed:
        return ""
    try:
        return _keys().decrypt(bytes(sealed)).decode()
    except InvalidToken as error:
        raise SealBroken from error


def _keys() -> MultiFernet:
    secrets = [str(secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return MultiFernet([Fernet(_derive(secret)) for secret in secrets])


def _derive(secret: str) -> bytes:
    # The secret is long and random: it wants a purpose of its own, not slowness.
    digest = hashlib.blake2b(secret.encode(), digest_size=32, person=PURPOSE).digest()
    return base64.urlsafe_b64encode(digest)
