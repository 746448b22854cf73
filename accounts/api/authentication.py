"""``Authorization: Bearer op_…`` → :class:`Caller`: from an allowed address, signed if it must."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import selectors
from accounts.errors import IpNotAllowed, KeyExpired, KeyRevoked
from accounts.services.keys import digest_of, note_use
from accounts.services.signatures import (
    DIGEST,
    SignedMessage,
    load_public_key,
    use_nonce,
    verify_content_digest,
    verify_signature,
)
from openplatform.core import clock
from openplatform.core.api.caller import Caller
from openplatform.core.api.client_address import address_of
from openplatform.core.api.last_checks import has_body, require_before_action, require_of_body
from openplatform.core.errors import KeyInvalid, KeyMissing, SignatureMissing
from openplatform.core.networks import Network, read_address, read_network

KEEP_SECONDS = 1.0  # a revocation holds within a second in every process
WARM_SECONDS = 30.0  # keys used since are looked over together
MAX_LOOKED_OVER = 1_000  # keys at a time, for a few milliseconds
MAX_KEPT = 10_000
USE_NOTED_EVERY = timedelta(minutes=2)
PATH_SAFE = "/~!$&'()*+,;=:@"  # what RFC 3986 lets stand in a path beside letters and digits


@dataclass(slots=True)
class _KnownKey:
    caller: Caller
    expires_at: datetime | None
    revoked_at: datetime | None
    networks: tuple[Network, ...]
    public_key: Ed25519PublicKey | None
    requires_signature: bool
    last_used_at: datetime | None  # as it was written down
    version: str
    read_at: float  # time.monotonic(), taken before the row was read or looked over
    used_at: float

    def is_use_due(self) -> bool:
        """Whether its use is to be written down again."""
        return self.last_used_at is None or clock.now() - self.last_used_at > USE_NOTED_EVERY


class KeyCache:
    """Keys as they were within the last second. Unknown keys are not kept, so guessing fills
    nothing.

    Once a second one statement asks which of the keys in use have changed, and these are forgotten:
    reading each again would cost every request of a merchant who calls now and then a round trip.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, _KnownKey] = {}
        self._lock = Lock()
        self._looking_over = Lock()

    def get(self, digest: bytes) -> _KnownKey | None:
        """The key of a digest, at most a second old; None when there is no such key."""
        known = self._known.get(digest)
        started = time.monotonic()
        if known is not None:
            is_in_use = started - known.used_at < WARM_SECONDS
            known.used_at = started
            # One that comes back is read alone: looking over all the others with each of many that
            # do would take longer the more there are.
            if is_in_use and started - known.read_at >= KEEP_SECONDS:
                self._look_over(started)
                known = self._known.get(digest)
            if known is not None and started - known.read_at < KEEP_SECONDS:
                return known
        return self._read(digest, started)

    def clear(self) -> None:
        """Forget every key."""
        self._known.clear()

    def _read(self, digest: bytes, started: float) -> _KnownKey | None:
        row = selectors.find_api_key(digest=digest)
        if row is None:
            self._known.pop(digest, None)
            return None
        known = _read(row, started)
        with self._lock:
            if len(self._known) >= MAX_KEPT:
                self._known.clear()
            self._known[digest] = known
        return known

    def _look_over(self, started: float) -> None:
        """Have the keys in use count as read now, all but those that have changed."""
        if not self._looking_over.acquire(blocking=False):
            return  # another thread is at it: this key is read alone
        try:
            in_use = [
                (digest, known)
                for digest, known in list(self._known.items())
                if started - known.used_at < WARM_SECONDS
            ][-MAX_LOOKED_OVER:]
            changed = selectors.list_changed_keys(
                versions={digest: known.version for digest, known in in_use}
            )
            for digest, known in in_use:
                if digest in changed:
                    self._known.pop(digest, None)
                else:
                    known.read_at = started
        finally:
            self._looking_over.release()


def _read(row: selectors.KeyRow, read_at: float) -> _KnownKey:
    return _KnownKey(
        caller=Caller(
            partner_id=row.partner_id,
            key_id=row.id,
            prefix=row.prefix,
            scopes=frozenset(row.scopes),
            key_per_minute=row.key_per_minute,
            partner_per_minute=row.partner_per_minute,
        ),
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        networks=tuple(read_network(text) for text in row.allowed_networks),
        public_key=load_public_key(row.public_key) if row.public_key else None,
        requires_signature=row.requires_signature,
        last_used_at=row.last_used_at,
        version=row.version,
        read_at=read_at,
        used_at=read_at,
    )


KEYS = KeyCache()


class ApiKeyAuthentication(BaseAuthentication):
    """
    :raises KeyMissing: without ``Authorization: Bearer``; a key in the URL does not count.
    :raises KeyInvalid, KeyRevoked, KeyExpired: see the codes.
    :raises IpNotAllowed: from outside the networks of the key.
    :raises SignatureMissing, SignatureInvalid: for a key that opens to signed requests only, or a
        signature that does not hold.
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
        if known.networks:
            _require_allowed_address(request._request, known.networks)
        if known.public_key is not None:
            _require_signature(request._request, known, known.public_key)
        if known.is_use_due():
            known.last_used_at = clock.now()
            note_use(key_id=known.caller.key_id, address=address_of(request._request))
        return known.caller, known.caller

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _require_allowed_address(request: HttpRequest, networks: tuple[Network, ...]) -> None:
    text = address_of(request)
    address = read_address(text)
    if address is None or not any(address in network for network in networks):
        raise IpNotAllowed(pointer="", address=text or None)


def _require_signature(
    request: HttpRequest, known: _KnownKey, public_key: Ed25519PublicKey
) -> None:
    """A signature that holds, or none where none is required."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    if not ("signature" in headers or "signature-input" in headers):
        if known.requires_signature:
            raise SignatureMissing
        return
    nonce = verify_signature(
        message=SignedMessage(str(request.method), _url_of(request), headers),
        has_body=has_body(request),
        prefix=known.caller.prefix,
        public_key=public_key,
    )
    require_before_action(request, lambda: use_nonce(key_id=known.caller.key_id, nonce=nonce))
    if DIGEST in headers:
        require_of_body(
            request,
            lambda body: verify_content_digest(digest=headers[DIGEST], body=body),
        )


def _url_of(request: HttpRequest) -> str:
    """The address that the caller asked: under ``PUBLIC_URL``, whatever a proxy made of it."""
    query = request.META.get("QUERY_STRING", "")
    path = quote(request.path_info, safe=PATH_SAFE)
    return f"{settings.PUBLIC_URL}{path}{'?' if query else ''}{query}"
