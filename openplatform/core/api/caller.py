"""Who calls: all that a view needs to know about the holder of an API key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from rest_framework.request import Request


@dataclass(frozen=True, slots=True)
class Caller:
    """A partner acting through one of its keys, which people know by its ``prefix``.

    ``key_per_minute`` and ``partner_per_minute`` are the requests agreed with them; None where the
    platform's own limits hold.
    """

    partner_id: int
    key_id: int
    prefix: str
    scopes: frozenset[str]
    key_per_minute: int | None = None
    partner_per_minute: int | None = None


def caller_of(request: Request) -> Caller:
    """The caller of an authenticated request."""
    return cast(Caller, request.auth)


def actor_of(request: Request) -> str:
    """Who acts, for histories: the key, not a person."""
    return f"key:{caller_of(request).prefix}"
