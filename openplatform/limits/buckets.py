"""What is limited and how: the arithmetic of a bucket, without a database.

A bucket (GCRA) is known by one moment, the one when it will be empty. It leaks at the agreed rate;
a request pours one unit in, which puts that moment off. It holds the units of its period, a minute
unless agreed otherwise: so many requests fit at once, and then as many a minute as leak out.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

MINUTE_US = 60_000_000
SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Policy:
    """So many requests a period. Times are whole microseconds, so that sums are exact."""

    name: str
    number: int
    unit_us: int  # in which a unit leaks out
    room_us: int  # how far from empty a bucket may be for a unit to fit
    unit_seconds: float  # the same for make_interval()
    room_seconds: float

    def remaining(self, used_us: int) -> int:
        """How many more requests fit at once into a bucket that is empty in ``used_us``."""
        return min(max(self.number + -used_us // self.unit_us, 0), self.number)

    def wait_us(self, used_us: int) -> int:
        """In how long the next request fits; 0 when it does now."""
        return max(used_us - self.room_us, 0)

    def reset_seconds(self, used_us: int) -> int:
        """In how many seconds all of it is left again, or one request when none is left now."""
        return whole_seconds(self.wait_us(used_us) or max(used_us, 0))


def whole_seconds(microseconds: int) -> int:
    """Rounded up: whoever waits so long has waited long enough."""
    return -(-microseconds // SECOND_US)


@functools.lru_cache(maxsize=1000)  # as many as there are different agreements, and few more
def policy_of(name: str, number: int, *, minutes: int = 1) -> Policy:
    """The policy of a name and a number of requests in so many minutes."""
    unit_us = max(minutes * MINUTE_US // number, 1)
    room_us = unit_us * (number - 1)
    return Policy(name, number, unit_us, room_us, unit_us / SECOND_US, room_us / SECOND_US)


@dataclass(frozen=True, slots=True)
class Limit:
    """A policy, and the bucket of the one for whom it holds."""

    policy: Policy
    bucket: str
