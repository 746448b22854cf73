from __future__ import annotations

from contextlib import suppress
from functools import partial
from threading import Barrier, BrokenBarrierError

import pytest
from django.db import IntegrityError, OperationalError, transaction

from accounts.models import Partner
from openplatform.core.errors import NotFound, TemporarilyUnavailable
from openplatform.core.locking import (
    ATTEMPTS,
    NotInTransaction,
    require_transaction,
    single_statement,
    transactional,
)
from openplatform.core.statements import send, together
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rows(db: None) -> tuple[int, int]:
    """Two rows to lock."""
    first, second = (Partner.objects.create(code=code, name="") for code in ("a", "b"))
    return first.pk, second.pk


def name_of(pk: int) -> str:
    return Partner.objects.get(pk=pk).name


def append(pk: int, letter: str) -> None:
    send("UPDATE accounts_partner SET name = name || %s WHERE id = %s", [letter, pk])


class Crossing:
    """Services that lock two rows, each beginning at its own end."""

    def __init__(self) -> None:
        self.gate = Barrier(2)
        self.attempts = 0

    def change(self, first: int, second: int, letter: str) -> None:
        self.attempts += 1
        append(first, letter)
        with suppress(BrokenBarrierError):
            self.gate.wait(timeout=0.5)  # both hold their first row, at the first attempt
        append(second, letter)


def test_one_of_two_fails_when_they_deadlock_without_retries(rows: tuple[int, int]) -> None:
    crossing = Crossing()
    once = transaction.atomic(crossing.change)

    outcomes = race(partial(once, *rows, "x"), partial(once, *rows[::-1], "y"))

    assert [type(outcome) for outcome in outcomes if outcome] == [OperationalError]


def test_both_finish_when_two_services_deadlock(rows: tuple[int, int]) -> None:
    crossing = Crossing()
    service = transactional(crossing.change)

    outcomes = race(partial(service, *rows, "x"), partial(service, *rows[::-1], "y"))

    assert outcomes == [None, None]
    assert crossing.attempts > 2
    assert sorted(name_of(rows[0])) == sorted(name_of(rows[1])) == ["x", "y"]


def test_caller_is_told_to_come_again_when_a_lock_is_never_given(rows: tuple[int, int]) -> None:
    attempts: list[int] = []
    gate = Barrier(2)

    @transactional
    def impatient() -> None:
        attempts.append(1)
        send("SET LOCAL lock_timeout = '20ms'")
        append(rows[0], "x")

    def holder() -> None:
        with transaction.atomic():
            append(rows[0], "h")
            gate.wait(timeout=10)
            gate.wait(timeout=10)

    def caller() -> None:
        gate.wait(timeout=10)
        try:
            impatient()
        finally:
            gate.wait(timeout=10)

    outcomes = race(holder, caller)

    assert outcomes[0] is None
    assert isinstance(outcomes[1], TemporarilyUnavailable)
    assert len(attempts) == ATTEMPTS
    assert name_of(rows[0]) == "h"


def test_service_runs_once_when_its_error_does_not_call_for_a_retry(rows: tuple[int, int]) -> None:
    attempts: list[int] = []

    @transactional
    def too_slow() -> None:
        attempts.append(1)
        append(rows[0], "x")
        send("SET LOCAL statement_timeout = '20ms'")
        send("SELECT pg_sleep(2)")

    with pytest.raises(OperationalError, match="statement timeout"):
        too_slow()

    assert len(attempts) == 1
    assert name_of(rows[0]) == ""


@pytest.mark.parametrize("error", [NotFound, RuntimeError, IntegrityError])
def test_nothing_is_kept_when_a_service_raises(
    rows: tuple[int, int], error: type[Exception]
) -> None:
    @transactional
    def failing() -> None:
        append(rows[0], "x")
        raise error

    with pytest.raises(error):
        failing()

    assert name_of(rows[0]) == ""


def test_service_refuses_when_a_transaction_is_open_already(rows: tuple[int, int]) -> None:
    service = transactional(append)

    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        service(rows[0], "x")

    assert name_of(rows[0]) == ""


def test_service_of_one_statement_refuses_when_a_transaction_is_open(rows: tuple[int, int]) -> None:
    with (
        transaction.atomic(),
        pytest.raises(RuntimeError, match="outermost"),
    ):
        single_statement(append)(rows[0], "x")

    assert name_of(rows[0]) == ""


def test_step_refuses_when_no_transaction_is_open() -> None:
    with pytest.raises(NotInTransaction):
        require_transaction()

    with transaction.atomic():
        require_transaction()


def test_statements_are_all_done_when_they_travel_together(rows: tuple[int, int]) -> None:
    with transaction.atomic(), together():
        append(rows[0], "x")
        read = send("SELECT id, name FROM accounts_partner WHERE id = %s", [rows[0]])
        append(rows[0], "y")
        seen = read.named_rows()

    assert seen == [{"id": rows[0], "name": "x"}]
    assert name_of(rows[0]) == "xy"


def test_nothing_is_kept_when_a_statement_among_several_fails(rows: tuple[int, int]) -> None:
    def change() -> None:
        with transaction.atomic(), together():
            append(rows[0], "x")
            clash = send("UPDATE accounts_partner SET code = 'same' RETURNING id")
            append(rows[0], "y")
            clash.rows()

    with pytest.raises(IntegrityError, match="accounts_partner_code"):
        change()

    assert name_of(rows[0]) == ""
