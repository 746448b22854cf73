"""``Authorization: Bearer op_…`` → :class:`Caller`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import selectors
from accounts.errors import KeyExpired, KeyRevoked
from accounts.services.keys import digest_of, note_use
from openplatform.core import clock
from openplatform.core.api.caller import Caller
from openplatform.core.errors import KeyInvalid, KeyMissing

KEEP_SECONDS = 1.0  # a revocation holds within a second in every process
MAX_KEPT = 10_000
USE_NOTED_EVERY = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class _KnownKey:
    caller: Caller
    expires_at: datetime | None
    revoked_at: datetime | None
    read_at: float  # time.monotonic(), taken before the row was read


class KeyCache:
    """Keys read within the last second. Unknown keys are not kept, so guessing fills nothing."""

    def __init__(self) -> None:
        self._known: dict[bytes, _KnownKey] = {}
        self._lock = Lock()

    def get(self, digest: bytes) -> _KnownKey | None:
        """The key of a digest, at most a second old; None when there is no such key."""
        known = self._known.get(digest)
        started = time.monotonic()
        if known is not None and started - known.read_at < KEEP_SECONDS:
            return known
        row = selectors.find_api_key(digest=digest)
        if row is None:
            self._known.pop(digest, None)
            return None
        if row.last_used_at is None or clock.now() - row.last_used_at > USE_NOTED_EVERY:
            note_use(key_id=row.id)
        caller = Caller(row.partner_id, row.id, frozenset(row.scopes))
        known = _KnownKey(caller, row.expires_at, row.revoked_at, started)
        with self._lock:
            if len(self._known) >= MAX_KEPT:
                self._known.clear()
            self._known[digest] = known
        return known

    def clear(self) -> None:
        """Forget every key."""
        self._known.clear()


KEYS = KeyCache()


class ApiKeyAuthentication(BaseAuthentication):
    """
    :raises KeyMissing: without ``Authorization: Bearer``; a key in the URL does not count.
    :raises KeyInvalid, KeyRevoked, KeyExpired: see the codes.
    """

    def authenticate(self, request: Request) -> tuple[Caller, Caller]:
        scheme, _, key = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise KeyMissing
        if not key.isascii():
            raise KeyInvalid
        known = KEYS.get(digest_of(key))
        if known is None:
            raise KeyInvalid
        if known.revoked_at is not None:
            raise KeyRevoked
        if known.expires_at is not None and known.expires_at <= clock.now():
            raise KeyExpired
        return known.caller, known.caller

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
