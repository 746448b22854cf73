"""Nudges: heard at once, after the commit, and no harm done when they get lost."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from openplatform.core import wakeups
from openplatform.core.wakeups import Listener, wake

pytestmark = pytest.mark.django_db(transaction=True)

LONG = 10.0  # seconds
SHORT = 0.2


@pytest.fixture(autouse=True)
def _forget() -> None:
    """What an earlier test sent must not spare a nudge of this one."""
    wakeups._sent_at.clear()


@pytest.fixture
def listener() -> Iterator[Listener]:
    """One that has connected and heard nothing yet."""
    with Listener("test", "other") as listener:
        assert listener.wait(0.0)  # the connection is new
        yield listener


def test_nudge_is_heard_after_the_commit_and_looked_behind_once(listener: Listener) -> None:
    with transaction.atomic():
        wake("test")
        assert not listener.wait(SHORT)

    began = time.monotonic()
    assert listener.wait(LONG)
    assert listener.wait(LONG)  # for nudges that were spared
    assert time.monotonic() - began < SHORT
    assert not listener.wait(SHORT)


def test_nudge_outside_a_transaction_is_heard_at_once(listener: Listener) -> None:
    connection.ensure_connection()
    wake("other")

    assert listener.wait(LONG)


def test_nothing_is_heard_when_the_transaction_is_rolled_back(listener: Listener) -> None:
    with transaction.atomic():
        wake("test")
        transaction.set_rollback(True)

    assert not listener.wait(SHORT)


def test_nudges_are_spared_when_they_come_thick_and_fast(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeups, "AT_MOST_EVERY", LONG)
    connection.ensure_connection()
    wake("test")
    assert listener.wait(LONG)

    for _ in range(100):
        wake("test")

    assert listener._connection is not None
    assert listener._connection.pgconn.notifies() is None
    assert listener.wait(LONG)  # the one look behind
    assert not listener.wait(SHORT)


def test_caller_is_not_disturbed_when_the_connection_is_lost(listener: Listener) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    assert listener._connection is not None
    listener._connection.execute("SELECT pg_terminate_backend(%s)", [pid])

    wake("test")

    assert not listener.wait(SHORT)
    assert connection.errors_occurred
    connection.close()


def test_listener_connects_again_and_says_so_when_its_connection_is_lost(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeups, "CONNECT_AGAIN_AFTER", 0.0)
    listener._connect_at = 0.0
    assert listener._connection is not None
    pid = listener._connection.info.backend_pid
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])

    woken = any(listener.wait(SHORT) for _ in range(5))
    wake("test")

    assert woken
    assert listener.wait(LONG)


def test_listener_waits_when_there_is_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    began = time.monotonic()

    with Listener("test") as listener:
        assert not listener.wait(SHORT)
        assert not listener.wait(SHORT)

    assert time.monotonic() - began >= 2 * SHORT
