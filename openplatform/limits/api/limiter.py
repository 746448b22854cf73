"""Rate limits of the partner API, told as draft-ietf-httpapi-ratelimit-headers has it.

``RateLimit-Policy`` names every limit that held for the request: ``q`` requests in ``w`` seconds.
``RateLimit`` says what is left of it: ``r`` requests, and in ``t`` seconds all of them again, or
one when none is left. A refusal tells of the limit that refused, with ``Retry-After``.
"""

from __future__ import annotations

import functools
from collections.abc import MutableMapping

from django.conf import settings

from openplatform.core.api.caller import Caller
from openplatform.limits.buckets import Limit, Policy, policy_of, whole_seconds
from openplatform.limits.errors import RateLimited
from openplatform.limits.refusals import Refusals, now_us
from openplatform.limits.services.charging import add, charge, read_used_us

REFUSALS = Refusals()


class RateLimiter:
    """One limit for a key, one for its partner, one for a key's look-ups that find nothing."""

    def admit(self, caller: Caller, *, is_lookup: bool, headers: MutableMapping[str, str]) -> None:
        """Count the request, or refuse it.

        Look-ups are refused all together while the limit of those that find nothing is used up:
        whoever guesses learns nothing from what exists, either.

        :raises RateLimited: when it is one too many.
        """
        key, partner = _limit_of_key(caller), _limit_of_partner(caller)
        missing = _limit_of_missing(caller) if is_lookup else None
        headers["RateLimit-Policy"] = _policies(
            key.policy, partner.policy, missing and missing.policy
        )
        if REFUSALS:
            for limit in (key, partner, missing):
                if limit is not None and (wait_us := REFUSALS.wait_us(limit)):
                    raise _refusal(limit, wait_us, headers)
        charged = charge(key=key, partner=partner, missing=missing)
        if charged.key_us is None:
            raise _full(key, headers)
        if charged.partner_us is None:
            raise _full(partner, headers)
        left = f"{_left(key.policy, charged.key_us)}, {_left(partner.policy, charged.partner_us)}"
        if missing is not None:
            missing_us = charged.missing_us or 0
            if missing.policy.wait_us(missing_us):
                raise _full(missing, headers)
            left = f"{left}, {_left(missing.policy, missing_us)}"
        headers["RateLimit"] = left

    def note_missing(self, caller: Caller) -> None:
        """Count a look-up that found nothing."""
        add(limit=_limit_of_missing(caller))


def _limit_of_key(caller: Caller) -> Limit:
    per_minute = caller.key_per_minute or settings.RATE_LIMIT_KEY
    return Limit(policy_of("key", per_minute), f"key:{caller.key_id}")


def _limit_of_partner(caller: Caller) -> Limit:
    per_minute = caller.partner_per_minute or settings.RATE_LIMIT_PARTNER
    return Limit(policy_of("partner", per_minute), f"partner:{caller.partner_id}")


def _limit_of_missing(caller: Caller) -> Limit:
    return Limit(policy_of("missing", settings.RATE_LIMIT_MISSING), f"missing:{caller.key_id}")


def _full(limit: Limit, headers: MutableMapping[str, str]) -> RateLimited:
    """The refusal of a bucket that the database found full; remembered for as long as it is.

    By the time it is read it may have room again; the request was refused all the same.
    """
    asked_at = now_us()  # before the database looks at its clock, so never too long
    wait_us = limit.policy.wait_us(read_used_us(limit=limit))
    if wait_us:
        REFUSALS.keep(limit, until_us=asked_at + wait_us)
    return _refusal(limit, wait_us, headers)


def _refusal(limit: Limit, wait_us: int, headers: MutableMapping[str, str]) -> RateLimited:
    policy = limit.policy
    seconds = max(whole_seconds(wait_us), 1)
    headers["RateLimit"] = f'"{policy.name}";r=0;t={seconds}'
    return RateLimited(policy=policy.name, limit=policy.number, retry_after=seconds)


def _left(policy: Policy, used_us: int) -> str:
    return f'"{policy.name}";r={policy.remaining(used_us)};t={policy.reset_seconds(used_us)}'


@functools.lru_cache(maxsize=1000)
def _policies(*policies: Policy | None) -> str:
    return ", ".join(
        f'"{policy.name}";q={policy.number};w=60' for policy in policies if policy is not None
    )
