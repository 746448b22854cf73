"""Tries to sign in, counted so that nobody guesses passwords, and kept in the trail.

A try is counted before the password is looked at, and given back when it was right: many tries at
the same moment are no way around the limit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from openplatform.audit.services.recording import record_change
from openplatform.limits.buckets import Limit, policy_of, whole_seconds
from openplatform.limits.services.charging import empty, give_back, pour, read_used_us

log = structlog.get_logger("sign_in")

SIGN_IN, SIGN_IN_FAILED = "sign_in", "sign_in_failed"
NOBODY = "anonymous"
ADDRESS_BITS = 64  # of IPv6: whoever has one address of such a network has all of them
SHOWN_OF_UNKNOWN = 3  # characters


class TooManyFailures(Exception):
    """A try that is one too many. ``wait_seconds``: until the next one is looked at."""

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(wait_seconds)
        self.wait_seconds = wait_seconds


@dataclass(frozen=True, slots=True)
class Try:
    """One try to sign in, as it was counted."""

    username: str
    of_name: Limit
    of_address: Limit | None

    def limits(self) -> Iterator[Limit]:
        """Where it counts: an address that nobody knows is not everybody's."""
        if self.of_address is not None:
            yield self.of_address
        yield self.of_name


def begin_try(*, username: str, address: str) -> Try:
    """Count a try as failed, until :func:`note_success` says otherwise.

    Names count in small letters, whether or not somebody bears them: who is refused learns nothing
    from it.

    :param address: of the caller; empty when it is not known.
    :raises TooManyFailures: when the name or the address has failed too often; this try is not
        counted then, and its password is not to be looked at.
    """
    attempt = Try(username, _limit_of_name(username), _limit_of_address(address))
    poured: list[Limit] = []
    for limit in attempt.limits():
        if pour(limit=limit):
            poured.append(limit)
            continue
        for other in poured:
            give_back(limit=other)
        wait_us = limit.policy.wait_us(read_used_us(limit=limit))
        log.warning("sign_in_refused", limit=limit.policy.name)
        raise TooManyFailures(max(whole_seconds(wait_us), 1))
    return attempt


def note_failure(attempt: Try) -> None:
    """Keep that a try failed: in the log, and in the trail when it was for somebody.

    A name that nobody bears may be a password in the wrong field: of it the log shows the first
    characters, the trail nothing.
    """
    user = User.objects.filter(username=attempt.username).first()
    if user is None:
        shown = f"{attempt.username[:SHOWN_OF_UNKNOWN]}…"
        log.warning(SIGN_IN_FAILED, user=shown, is_known=False)
        return
    log.warning(SIGN_IN_FAILED, user=user.get_username(), is_known=True)
    with transaction.atomic():
        record_change(action=SIGN_IN_FAILED, subject=user, before={}, after={}, actor=NOBODY)


def note_success(attempt: Try, *, user: User) -> None:
    """Keep that somebody signed in, who begins anew; the address keeps its other failures."""
    empty(limit=attempt.of_name)
    if attempt.of_address is not None:
        give_back(limit=attempt.of_address)
    log.info(SIGN_IN, user=user.get_username())
    with transaction.atomic():
        record_change(action=SIGN_IN, subject=user, before={}, after={}, actor=user.get_username())


def _limit_of_name(username: str) -> Limit:
    digest = hashlib.sha256(username.lower().encode("utf-8", "surrogatepass")).hexdigest()
    return _limit("sign_in_name", digest[:32])


def _limit_of_address(address: str) -> Limit | None:
    if not address:
        return None
    known = ip_address(address)
    if isinstance(known, IPv6Address):
        return _limit("sign_in_address", str(IPv6Network((int(known), ADDRESS_BITS), strict=False)))
    return _limit("sign_in_address", address)


def _limit(name: str, of: str) -> Limit:
    policy = policy_of(
        name, settings.RATE_LIMIT_SIGN_IN, minutes=settings.RATE_LIMIT_SIGN_IN_MINUTES
    )
    return Limit(policy, f"{name}:{of}")
