from __future__ import annotations

import pytest

from openplatform.limits.buckets import policy_of, whole_seconds

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("used_us", "remaining", "wait_us", "reset_seconds"),
    [
        (-5 * SECOND, 60, 0, 0),  # empty for five seconds
        (0, 60, 0, 0),
        (1, 59, 0, 1),
        (SECOND, 59, 0, 1),
        (SECOND + 1, 58, 0, 2),
        (59 * SECOND, 1, 0, 59),
        (59 * SECOND + 1, 0, 1, 1),  # a microsecond too full for the next one
        (60 * SECOND, 0, SECOND, 1),
        (63 * SECOND, 0, 4 * SECOND, 4),  # added to whether or not it fitted
    ],
)
def test_what_is_left_follows_when_a_bucket_fills(
    used_us: int, remaining: int, wait_us: int, reset_seconds: int
) -> None:
    policy = policy_of("key", 60)

    assert policy.remaining(used_us) == remaining
    assert policy.wait_us(used_us) == wait_us
    assert policy.reset_seconds(used_us) == reset_seconds


@pytest.mark.parametrize("per_minute", [1, 7, 59, 3000, 7001, 1_000_000, 2_147_483_647])
def test_exactly_the_agreed_number_fits_when_a_bucket_is_empty(per_minute: int) -> None:
    policy = policy_of("key", per_minute)

    before_last = policy.unit_us * (per_minute - 1)

    assert policy.wait_us(before_last) == 0
    assert policy.remaining(before_last) == 1
    assert policy.wait_us(before_last + policy.unit_us) == policy.unit_us
    assert policy.remaining(before_last + policy.unit_us) == 0
    assert round(policy.unit_seconds * SECOND) == policy.unit_us
    assert round(policy.room_seconds * SECOND) == policy.room_us


@pytest.mark.parametrize(
    ("microseconds", "seconds"), [(0, 0), (1, 1), (SECOND, 1), (SECOND + 1, 2)]
)
def test_seconds_are_rounded_up_when_they_are_told(microseconds: int, seconds: int) -> None:
    assert whole_seconds(microseconds) == seconds


def test_units_leak_slowly_when_the_period_is_longer_than_a_minute() -> None:
    policy = policy_of("sign_in", 10, minutes=15)

    assert (policy.unit_us, policy.room_us) == (90 * SECOND, 810 * SECOND)
    assert policy.wait_us(900 * SECOND) == 90 * SECOND
    assert policy.remaining(0) == 10
