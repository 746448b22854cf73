"""The outermost transaction of a service, with the retries that concurrency calls for.

The order in which rows are locked is on one page: ``docs/locking.md``.
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import structlog
from django.db import OperationalError, connection, transaction

from openplatform.core.errors import TemporarilyUnavailable

P = ParamSpec("P")
R = TypeVar("R")

log = structlog.get_logger(__name__)

DEADLOCK = "40P01"
SERIALIZATION_FAILURE = "40001"
LOCK_TIMEOUT = "55P03"
QUERY_CANCELED = "57014"  # it took longer than it may
RETRIED = frozenset({DEADLOCK, SERIALIZATION_FAILURE, LOCK_TIMEOUT})
ATTEMPTS = 4


class NotInTransaction(RuntimeError):
    """A step was called outside a service; it must commit or fail with its caller."""


def transactional(service: Callable[P, R]) -> Callable[P, R]:
    """Run a service as the outermost, durable transaction.

    A deadlock, a serialization failure or a lock time-out rolls everything back and starts the
    service again, so it must not keep state between attempts.

    :raises TemporarilyUnavailable: after four attempts.
    :raises RuntimeError: inside another transaction (Django's durability check).
    """

    @functools.wraps(service)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with transaction.atomic(durable=True):
            return service(*args, **kwargs)

    return _retried(run)


def single_statement(service: Callable[P, R]) -> Callable[P, R]:
    """Run a service that writes by one statement, which is a transaction of its own: it saves the
    round trips of BEGIN and COMMIT, and whoever waits for its locks waits for Postgres alone.
    Statements sent :func:`together` are one transaction, too: locks may be sent ahead of it.
    Retried as :func:`transactional` ones are.

    :raises TemporarilyUnavailable: after four attempts.
    :raises RuntimeError: inside another transaction, as there.
    """

    @functools.wraps(service)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        # As Django's durability check: what a test wraps around itself does not count.
        if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
            raise RuntimeError(f"{service.__name__} must be the outermost transaction")
        return service(*args, **kwargs)

    return _retried(run)


def _retried(service: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(service)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return service(*args, **kwargs)
            except OperationalError as error:
                if sqlstate_of(error) not in RETRIED:
                    raise
                log.warning(
                    "transaction_retried",
                    service=service.__name__,
                    sqlstate=sqlstate_of(error),
                    attempt=attempt,
                )
                if attempt == ATTEMPTS:
                    raise TemporarilyUnavailable from error
                time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - jitter, no secret
        raise AssertionError("unreachable")

    return run


def sqlstate_of(error: Exception) -> str | None:
    """The Postgres code behind a Django database error."""
    return getattr(error.__cause__, "sqlstate", None)


def require_transaction() -> None:
    """:raises NotInTransaction: when no transaction is open."""
    if not connection.in_atomic_block:
        raise NotInTransaction
