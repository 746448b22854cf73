"""Refusals of this process that still hold: repeated without asking the database."""

from __future__ import annotations

import time

from openplatform.limits.buckets import Limit, Policy

MAX_KEPT = 10_000


class Refusals:
    """Until when a full bucket stays full. It cannot leak faster, so the answer stays exact.

    A limit that is changed meanwhile is another policy, and what was known of the old one is
    nothing to it. Times in microseconds by the process's own steady clock.
    """

    def __init__(self) -> None:
        self._full: dict[str, tuple[int, Policy]] = {}

    def wait_us(self, limit: Limit) -> int:
        """How long this limit refuses for certain; 0 when the database has to be asked."""
        known = self._full.get(limit.bucket)
        if known is None:
            return 0
        until, policy = known
        if policy != limit.policy or (left := until - now_us()) <= 0:
            self._full.pop(limit.bucket, None)
            return 0
        return left

    def keep(self, limit: Limit, *, until_us: int) -> None:
        """Remember; when it gets too much, forget everything instead: asking again is right too."""
        if len(self._full) >= MAX_KEPT:
            self._full.clear()
        self._full[limit.bucket] = (until_us, limit.policy)

    def clear(self) -> None:
        """Forget every refusal."""
        self._full.clear()

    def __bool__(self) -> bool:
        return bool(self._full)


def now_us() -> int:
    """Of the process's steady clock."""
    return time.monotonic_ns() // 1000
