"""A nudge for who waits for work, so that work is done at once and idle processes stay asleep.

A nudge is a NOTIFY of its own, after the commit that brings the work: inside the transaction it
would make every commit wait for the one before. It may get lost; whoever listens looks by itself
every now and then, too, and that is all that a lost one costs.
"""

from __future__ import annotations

import functools
import select
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

import psycopg
import structlog
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from psycopg.pq import ConnStatus, ExecStatus, PipelineStatus, TransactionStatus

log = structlog.get_logger(__name__)

OUTBOX = "outbox"  # a message waits to be numbered
MESSAGES = "messages"  # a message has its number, or deliveries are due

AT_MOST_EVERY = 0.02  # seconds between two nudges of one process on one channel
LOOK_AGAIN_AFTER = 0.03  # seconds; a nudge that was spared is at most AT_MOST_EVERY younger
CONNECT_AGAIN_AFTER = 5.0  # seconds

_sent_at: dict[str, float] = {}


def wake(channel: str) -> None:
    """Nudge whoever listens on this channel, once the open transaction, if any, is committed.

    Costs a microsecond, and a round trip every 20 ms at the most. It never fails.
    """
    transaction.on_commit(_nudge_of(channel))


@functools.cache
def _nudge_of(channel: str) -> Callable[[], None]:
    return functools.partial(_nudge, channel, f'NOTIFY "{channel}"'.encode())


def _nudge(channel: str, statement: bytes) -> None:
    now = time.monotonic()
    if now - _sent_at.get(channel, -AT_MOST_EVERY) < AT_MOST_EVERY:
        return
    database = connections[DEFAULT_DB_ALIAS]
    # Past Django and psycopg's cursors, which would take longer than the statement does.
    pgconn = None if database.connection is None else database.connection.pgconn
    if (
        pgconn is None
        or pgconn.transaction_status != TransactionStatus.IDLE
        or pgconn.pipeline_status != PipelineStatus.OFF
    ):
        return
    _sent_at[channel] = now
    try:
        is_sent = pgconn.exec_(statement).status == ExecStatus.COMMAND_OK
    except psycopg.Error:
        is_sent = False
    if not is_sent:
        database.errors_occurred = True  # Django looks at the connection before its next use
        log.warning("nudge_lost", channel=channel)


class Listener:
    """Waits for nudges on some channels, on a connection of its own.

    For one thread. Without a connection it only waits; it makes a new one by itself.
    """

    def __init__(self, *channels: str) -> None:
        self._channels = channels
        self._connection: psycopg.Connection[Any] | None = None
        self._connect_at = 0.0  # not before
        self._look_again_at: float | None = None

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def wait(self, seconds: float) -> bool:
        """True as soon as there is reason to look for work, False after so many seconds.

        A reason is a nudge; 30 ms after the last one, for those that were spared behind it; and a
        new connection, for those that were not heard meanwhile.
        """
        ends_at = time.monotonic() + seconds
        if self._connection is None and self._connect():
            return True
        if self._connection is not None and self._heard(0.0):
            return True
        wakes_at = ends_at if self._look_again_at is None else min(ends_at, self._look_again_at)
        left = max(wakes_at - time.monotonic(), 0.0)
        if self._connection is None:
            time.sleep(left)
        elif self._heard(left):
            return True
        if self._look_again_at is not None and time.monotonic() >= self._look_again_at:
            self._look_again_at = None
            return True
        return False

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def _connect(self) -> bool:
        if time.monotonic() < self._connect_at:
            return False
        self._connect_at = time.monotonic() + CONNECT_AGAIN_AFTER
        parameters = {
            **connections[DEFAULT_DB_ALIAS].get_connection_params(),
            # A peer that is gone without a word is noticed within a minute.
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "autocommit": True,
        }
        try:
            self._connection = psycopg.connect(**parameters)
            for channel in self._channels:
                self._connection.execute(f'LISTEN "{channel}"'.encode())
        except psycopg.Error as error:
            log.warning("listening_interrupted", error=str(error))
            self.close()
            return False
        return True

    def _heard(self, seconds: float) -> bool:
        """Whether a nudge came within so many seconds; a connection that is gone is dropped."""
        assert self._connection is not None  # noqa: S101 - the caller looked
        pgconn = self._connection.pgconn
        # Not psycopg's generator of notifications: it wakes up ten times a second.
        poll = select.poll()
        poll.register(pgconn.socket, select.POLLIN)
        poll.poll(seconds * 1000)
        is_heard = False
        try:
            pgconn.consume_input()
            while pgconn.notifies() is not None:
                is_heard = True
        except psycopg.Error as error:
            log.warning("listening_interrupted", error=str(error))
            self.close()
            return False
        if pgconn.status != ConnStatus.OK:
            self.close()
            return False
        if is_heard:
            self._look_again_at = time.monotonic() + LOOK_AGAIN_AFTER
        return is_heard
