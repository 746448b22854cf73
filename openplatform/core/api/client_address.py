"""From which address a request comes: the peer's own, or what a trusted proxy says of it."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from openplatform.core.networks import TrustedProxies, read_address


def address_of(request: HttpRequest) -> str:
    """The caller's address; empty when it came by a unix socket and nobody trusted names it.

    ``X-Forwarded-For`` counts only when the peer is a trusted proxy (``TRUSTED_PROXIES``). It is
    read from the right, where the proxy next to us writes; the first entry that is not a trusted
    proxy itself is the caller. An entry that is no address ends the reading: then the peer counts.
    """
    trusted: TrustedProxies = settings.TRUSTED_PROXIES
    peer = read_address(request.META.get("REMOTE_ADDR", ""))
    found = peer
    if trusted.trusts(peer):
        for entry in reversed(request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")):
            address = read_address(entry)
            if address is None:
                found = peer
                break
            found = address
            if not trusted.trusts(address):
                break
    return "" if found is None else str(found)
