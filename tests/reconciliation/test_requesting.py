"""Statements are asked for: which periods are taken; the same one is the same statement."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
import time_machine

from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.errors import DomainError, FieldInvalid
from reconciliation.errors import PeriodOpen
from reconciliation.models import Statement
from reconciliation.selectors.periods import (
    PeriodKind,
    has_come,
    period_kind,
    read_yesterday,
)
from reconciliation.services.requesting import request_statement
from tests.cast import Merchant

YESTERDAY = timedelta(days=1)


def ask(merchant: Merchant, start: date, end: date, *, by: str = "key:op_test") -> Statement:
    return request_statement(
        partner_id=merchant.partner.pk, period_start=start, period_end=end, by=by, now=clock.now()
    )


def today() -> date:
    return datetime.now(PLATFORM_ZONE).date()


def refusal_of(merchant: Merchant, start: date, end: date) -> DomainError:
    with pytest.raises(DomainError) as refused:
        ask(merchant, start, end)
    assert Statement.objects.count() == 0
    assert not AuditEntry.objects.filter(action="order_statement").exists()
    return refused.value


def test_statement_is_to_be_made_when_its_last_day_has_ended(merchant: Merchant) -> None:
    statement = ask(merchant, today() - timedelta(days=9), today() - YESTERDAY)

    assert statement.status == "preparing"
    assert statement.statement_no.startswith("S")
    assert statement.requested_by == "key:op_test"
    assert statement.due_at is not None


@pytest.mark.parametrize("days", [0, 1, 30])
def test_period_is_open_when_it_ends_today_or_later(merchant: Merchant, days: int) -> None:
    refused = refusal_of(merchant, today() - YESTERDAY, today() + timedelta(days=days))

    assert isinstance(refused, PeriodOpen)
    assert (refused.code, refused.status, refused.pointer) == ("period_open", 422, "/period_end")


def test_day_has_ended_by_the_clock_of_the_database_and_no_other(merchant: Merchant) -> None:
    really = today()

    with time_machine.travel(datetime.now(PLATFORM_ZONE) + timedelta(days=40), tick=False):
        assert isinstance(refusal_of(merchant, really, really), PeriodOpen)
        assert read_yesterday() == really - YESTERDAY
        assert not has_come(really + YESTERDAY)
    with time_machine.travel(datetime.now(PLATFORM_ZONE) - timedelta(days=40), tick=False):
        statement = ask(merchant, really - YESTERDAY, really - YESTERDAY)

    assert statement.status == "preparing"


@pytest.mark.parametrize(
    ("start", "end", "pointer"),
    [
        (date(2026, 3, 2), date(2026, 3, 1), "/period_end"),
        (date(2025, 1, 1), date(2026, 1, 2), "/period_end"),  # 367 days
        (date(1999, 12, 31), date(2000, 1, 1), "/period_start"),
        (date.min, date(2000, 1, 1), "/period_start"),
        (date(2026, 3, 1), date.max, "/period_end"),
    ],
)
def test_period_is_refused_when_it_makes_no_sense(
    merchant: Merchant, start: date, end: date, pointer: str
) -> None:
    refused = refusal_of(merchant, start, end)

    assert isinstance(refused, FieldInvalid)
    assert refused.pointer == pointer


def test_period_of_a_leap_year_is_taken(merchant: Merchant) -> None:
    statement = ask(merchant, date(2024, 1, 1), date(2024, 12, 31))  # 366 days

    assert statement.status == "preparing"


def test_same_period_is_the_same_statement_whoever_asks(
    merchant: Merchant, stranger: Merchant
) -> None:
    first = ask(merchant, date(2026, 3, 1), date(2026, 3, 31), by="key:op_first")
    again = ask(merchant, date(2026, 3, 1), date(2026, 3, 31), by="operator")
    other = ask(merchant, date(2026, 3, 1), date(2026, 3, 30))
    theirs = ask(stranger, date(2026, 3, 1), date(2026, 3, 31))

    assert again == first
    assert again.requested_by == "key:op_first"
    assert len({first.pk, other.pk, theirs.pk}) == 3
    assert Statement.objects.count() == 3
    assert AuditEntry.objects.filter(action="order_statement").count() == 3


def test_failed_statement_waits_again_when_it_is_asked_for(merchant: Merchant) -> None:
    first = ask(merchant, date(2026, 3, 1), date(2026, 3, 31))
    Statement.objects.update(status="failed", due_at=None, error="x", attempts=5, rows_done=7)

    again = ask(merchant, date(2026, 3, 1), date(2026, 3, 31), by="operator")

    assert again.pk == first.pk
    assert (again.status, again.error, again.attempts, again.rows_done) == ("preparing", "", 0, 0)
    assert again.requested_by == "operator"
    assert again.due_at is not None


@pytest.mark.parametrize(
    ("start", "end", "kind"),
    [
        (date(2026, 3, 5), date(2026, 3, 5), PeriodKind.DAY),
        (date(2026, 2, 1), date(2026, 2, 28), PeriodKind.MONTH),
        (date(2024, 2, 1), date(2024, 2, 28), PeriodKind.OTHER),
        (date(2026, 3, 1), date(2026, 4, 30), PeriodKind.OTHER),
        (date(2026, 3, 2), date(2026, 3, 31), PeriodKind.OTHER),
    ],
)
def test_period_is_known_by_its_days(start: date, end: date, kind: PeriodKind) -> None:
    assert period_kind(start, end) == kind


def test_day_that_has_just_ended_is_left_alone_for_a_minute(merchant: Merchant) -> None:
    yesterday = read_yesterday()
    midnight = datetime.combine(yesterday + timedelta(days=1), time(), PLATFORM_ZONE)

    asked = ask(merchant, yesterday, yesterday)

    assert asked.due_at == midnight + timedelta(minutes=1)


def test_who_asks_for_very_many_periods_is_not_ahead_of_the_timetable(merchant: Merchant) -> None:
    first = ask(merchant, date(2026, 3, 1), date(2026, 3, 1))
    Statement.objects.bulk_create(
        Statement(
            statement_no=f"S-{number}",
            partner=merchant.partner,
            period_start=date(2025, 1, 1) + timedelta(days=number),
            period_end=date(2025, 12, 31),
            requested_by="key:op_test",
            due_at=first.due_at,
        )
        for number in range(144)
    )
    before = clock.now()

    last = ask(merchant, date(2026, 3, 1), date(2026, 3, 2))

    assert first.due_at is not None
    assert last.due_at is not None
    assert first.due_at < before - timedelta(hours=23)
    assert last.due_at > before - timedelta(minutes=1)
