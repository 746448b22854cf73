"""The worker's loops live through faults of the database."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

import pytest
from django.db import connection

from openplatform.core import background
from openplatform.core.background import LONG_PAUSE, Loop, run_loop
from openplatform.core.errors import TemporarilyUnavailable
from orders.services.cancellation import expire_due_orders
from tests.cast import Merchant, World
from tests.orders.acts import let_expire, place, stock_numbers

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS = 30


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "PAUSE_AFTER_FAULT", 0.01)


def run_to_the_end(run: Callable[[], int], stopping: Event) -> None:
    """Run a loop as the worker does, in a thread with a connection of its own."""
    thread = Thread(target=run_loop, args=(Loop("test", run, pause=0.01), stopping))
    thread.start()
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def break_the_connection() -> None:
    """As when the server restarts."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def lose_a_lock() -> None:
    raise TemporarilyUnavailable


def ask_nonsense() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nothing FROM nowhere")


@pytest.mark.parametrize("fault", [break_the_connection, lose_a_lock, ask_nonsense])
def test_due_work_is_done_after_a_fault(
    shop: World, merchant: Merchant, fault: Callable[[], None]
) -> None:
    shop.make_sku("A", north=5)
    let_expire(place(merchant)["order_no"])
    stopping = Event()
    done: list[int | None] = []

    def run() -> int:
        if not done:
            done.append(None)
            fault()
        done.append(expire_due_orders())
        if done[-1] == 0:
            stopping.set()
        return done[-1] or 0

    run_to_the_end(run, stopping)

    assert done == [None, 1, 0]
    assert stock_numbers() == (5, 0, 0)


def test_loop_does_not_pause_while_there_is_work(merchant: Merchant) -> None:
    stopping = Event()
    left = [3, 2, 1]

    def run() -> int:
        if not left:
            stopping.set()
            return 1
        return left.pop()

    thread = Thread(target=run_loop, args=(Loop("test", run, pause=3600), stopping))
    thread.start()
    thread.join(PATIENCE_SECONDS)

    assert not thread.is_alive()
    assert left == []


def test_connection_is_given_back_when_the_pause_is_long() -> None:
    kept: list[bool] = []

    def run() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return 0

    class Waiting(Event):
        def wait(self, timeout: float | None = None) -> bool:
            kept.append(connection.connection is not None)
            self.set()
            return True

    for pause in (0.5, LONG_PAUSE):
        thread = Thread(target=run_loop, args=(Loop("test", run, pause=pause), Waiting()))
        thread.start()
        thread.join(PATIENCE_SECONDS)

    assert kept == [True, False]
