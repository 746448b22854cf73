"""Where rate limits come in: this package knows when to ask, and a limiter how to count."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Protocol

from openplatform.core.api.caller import Caller


class Limiter(Protocol):
    """Counts requests of callers and refuses those that are too many."""

    def admit(self, caller: Caller, *, is_lookup: bool, headers: MutableMapping[str, str]) -> None:
        """Count a request, and write into ``headers`` what its answer will say of the limits.

        ``is_lookup``: the path names an object, so that somebody might be guessing names.

        :raises DomainError: when it is one too many.
        """

    def note_missing(self, caller: Caller) -> None:
        """Count a look-up that found nothing."""


LIMITERS: list[Limiter] = []


def register(limiter: Limiter) -> None:
    """Have every request of a known caller go past this limiter."""
    LIMITERS.append(limiter)


def admit(caller: Caller, *, is_lookup: bool, headers: MutableMapping[str, str]) -> None:
    """:raises DomainError: when a limiter refuses."""
    for limiter in LIMITERS:
        limiter.admit(caller, is_lookup=is_lookup, headers=headers)


def note_missing(caller: Caller) -> None:
    """Tell every limiter of a look-up that found nothing."""
    for limiter in LIMITERS:
        limiter.note_missing(caller)
