"""From which address a request comes: the peer's own, or what a trusted proxy says of it."""

from __future__ import annotations

import functools

from django.conf import settings
from django.http import HttpRequest

from openplatform.core.networks import Address, TrustedProxies, read_address, read_forwarded


def address_of(request: HttpRequest) -> str:
    """The caller's address; empty when nobody who is trusted names one.

    What is forwarded counts only when the peer is a trusted proxy (``TRUSTED_PROXIES``). It is
    read from the right, where the proxy next to us writes; the first entry that is not a trusted
    proxy itself is the caller. An entry that is no address makes the caller unknown: to take the
    proxy's own address for it would open whatever is allowed to the proxy.
    """
    trusted: TrustedProxies = settings.TRUSTED_PROXIES
    found = _read_peer(request.META.get("REMOTE_ADDR", ""))
    forwarded = request.META.get(settings.CLIENT_ADDRESS_HEADER, "")
    if trusted.trusts(found) and forwarded.strip():
        for entry in reversed(forwarded.split(",")):
            found = read_forwarded(entry)
            if found is None or not trusted.trusts(found):
                break
    return "" if found is None else str(found)


@functools.lru_cache(maxsize=1000)  # the same peers again and again, in front a proxy or two
def _read_peer(text: str) -> Address | None:
    return read_address(text)
