"""Who calls: all that a view needs to know about the holder of an API key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from rest_framework.request import Request


@dataclass(frozen=True, slots=True)
class Caller:
    """A partner acting through one of its keys."""

    partner_id: int
    key_id: int
    scopes: frozenset[str]


def caller_of(request: Request) -> Caller:
    """The caller of an authenticated request."""
    return cast(Caller, request.auth)
