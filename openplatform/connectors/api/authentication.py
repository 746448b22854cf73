"""Callbacks of providers prove themselves by a signature over time and body, not by a key."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from openplatform.connectors.models import Provider
from openplatform.core import sealing
from openplatform.core.api.chunked import read_chunked_body
from openplatform.core.errors import SignatureInvalid, SignatureMissing
from openplatform.core.sealing import SealBroken

TIMESTAMP = "X-Callback-Timestamp"
SIGNATURE = "X-Callback-Signature"
MAX_AGE = 5 * 60  # seconds that a clock may be away from ours, and a callback may take
MAX_DIGITS = 12
# Compared with when nobody has a secret, so that it takes as long.
NO_SECRET = "none"  # noqa: S105 - nothing is signed with it


class CallbackAuthentication(BaseAuthentication):
    """``X-Callback-Signature``: HMAC-SHA256, in hex, over ``<X-Callback-Timestamp>.<body>`` with
    the secret agreed with the provider that the path names. The same callback may come again
    within five minutes: it tells nothing new.

    :raises SignatureMissing: without both headers.
    :raises SignatureInvalid: for a provider that has no callbacks, another time, another signature.
    """

    def authenticate(self, request: Request) -> tuple[Provider, Provider]:
        timestamp = request.headers.get(TIMESTAMP, "")
        signature = request.headers.get(SIGNATURE, "")
        if not timestamp or not signature:
            raise SignatureMissing(
                _("A callback has the headers %(names)s") % {"names": f"{TIMESTAMP}, {SIGNATURE}"}
            )
        if not _is_now(timestamp):
            raise SignatureInvalid(pointer=TIMESTAMP, reason="time")
        body = _read_body(request._request)
        provider = Provider.objects.filter(
            code=request.parser_context["kwargs"]["provider"]
        ).first()
        secret = _secret_of(provider)
        expected = sign(secret or NO_SECRET, timestamp, body)
        is_same = hmac.compare_digest(expected.encode(), signature.lower().encode())
        if provider is None or not secret or not is_same:
            raise SignatureInvalid(pointer=SIGNATURE, reason="signature")
        return provider, provider

    def authenticate_header(self, request: Request) -> str:
        return "Signature"


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """What the header has to say."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def provider_of(request: Request) -> Provider:
    """Who calls back."""
    provider: Any = request.auth
    assert isinstance(provider, Provider)  # noqa: S101 - the authentication gives nothing else
    return provider


def _is_now(timestamp: str) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= MAX_DIGITS):
        return False
    return abs(time.time() - int(timestamp)) <= MAX_AGE


def _read_body(request: HttpRequest) -> bytes:
    read_chunked_body(request)
    return request.body


def _secret_of(provider: Provider | None) -> str:
    if provider is None or not provider.is_enabled:
        return ""
    try:
        return sealing.unseal(provider.callback_secret)
    except SealBroken:
        return ""
