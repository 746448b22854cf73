"""Many ask for one statement, several make it, and money goes on moving meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction

from accounts.models import LedgerEntry
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.statements import send
from reconciliation.models import Statement, StatementFile
from reconciliation.services import making
from reconciliation.services.making import make_due_statement, make_statement_now
from reconciliation.services.requesting import request_statement
from tests.accounts.money_moves import add_money
from tests.cast import Merchant
from tests.orders.acts import told
from tests.orders.test_races import at_once
from tests.reconciliation.past import at

pytestmark = pytest.mark.django_db(transaction=True)

DAY = date(2026, 3, 5)
LOCK = "SELECT FROM accounts_wallet WHERE partner_id = %(partner_id)s FOR NO KEY UPDATE"
HELD_SECONDS = 0.4


@pytest.fixture
def merchant(merchant: Merchant) -> Merchant:
    """One with money since before the day."""
    at(merchant.partner, "2026-03-01 09:00")
    return merchant


def ask(merchant: Merchant) -> Statement:
    return request_statement(
        partner_id=merchant.partner.pk, period_start=DAY, period_end=DAY, by="key:op_test",
        now=clock.now(),
    )  # fmt: skip


def stored_files() -> set[str]:
    folder = Path(settings.MEDIA_ROOT) / "statements"
    return {str(path.relative_to(settings.MEDIA_ROOT)) for path in folder.rglob("*.*")}


def test_hundred_requests_at_once_are_one_statement_with_one_set_of_files(
    merchant: Merchant,
) -> None:
    before = stored_files()

    asked = at_once([lambda: ask(merchant) for _ in range(100)], threads=20)
    made = at_once([make_due_statement] * 8)

    assert len({statement.pk for statement in asked}) == 1
    assert sum(made) == 1
    statement = Statement.objects.get()
    assert (statement.status, statement.attempts) == ("ready", 1)
    kept = set(StatementFile.objects.values_list("file", flat=True))
    assert len(kept) == 6
    assert stored_files() - before == kept
    assert AuditEntry.objects.filter(action="order_statement").count() == 1
    assert [message.type for message in told(merchant)].count("statement.ready") == 1


def test_who_wants_it_now_waits_for_the_worker_that_makes_it(merchant: Merchant) -> None:
    pk = ask(merchant).pk

    made = at_once([lambda: make_statement_now(pk=pk) for _ in range(5)])

    assert [statement.status for statement in made] == ["ready"] * 5
    assert Statement.objects.get().attempts == 1
    assert StatementFile.objects.count() == 6


def test_money_moves_while_a_statement_is_made(merchant: Merchant) -> None:
    pk = ask(merchant).pk
    seconds: list[float] = []

    def book_meanwhile(_rows: int) -> None:
        if not seconds:
            started = time.perf_counter()
            at_once([lambda: add_money(merchant.partner, "5.00", "T-1")])
            seconds.append(time.perf_counter() - started)

    statement = make_statement_now(pk=pk, on_progress=book_meanwhile)

    assert statement.status == "ready"
    assert (statement.closing_entry_no, statement.row_count) == (1, 0)
    assert LedgerEntry.objects.filter(partner=merchant.partner).count() == 2
    assert seconds[0] < 2  # the limit of a wait for a lock


@contextmanager
def holding(merchant: Merchant, statement: str) -> Iterator[Callable[[], None]]:
    """Another transaction that has the wallet; the call ends it."""
    held, ending = threading.Event(), threading.Event()

    def run() -> None:
        with transaction.atomic():
            send(statement, {"partner_id": merchant.partner.pk})
            held.set()
            ending.wait(10)
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    held.wait(10)
    yield ending.set
    ending.set()
    thread.join()


@pytest.mark.parametrize(("statement", "is_after"), [(LOCK, False), (making.TOUCH_WALLET, True)])
def test_who_waited_for_the_range_takes_its_time_afterwards(
    merchant: Merchant, statement: str, is_after: bool
) -> None:
    """Behind a lock alone an entry keeps the time from before its wait: it could fall into a day
    whose range is fixed by then. The first case shows the fault, the second that it is gone.
    """
    with holding(merchant, statement) as end:
        booking = threading.Thread(
            target=lambda: at_once([lambda: add_money(merchant.partner, "5.00", "T-1")])
        )
        booking.start()
        time.sleep(HELD_SECONDS)
        ended_at = clock.now()
        end()
        booking.join()

    entry = LedgerEntry.objects.get(partner=merchant.partner, entry_no=2)
    assert (entry.created_at >= ended_at) == is_after
