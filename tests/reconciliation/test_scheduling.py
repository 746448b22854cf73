"""Statements by the timetable."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from pytest_django.fixtures import Settings

from openplatform.core import clock
from openplatform.messaging.models import Mail
from reconciliation.models import Statement
from reconciliation.office import LOOPS
from reconciliation.selectors.periods import read_yesterday
from reconciliation.services.making import make_due_statement
from reconciliation.services.requesting import request_statement
from reconciliation.services.scheduling import order_due_statements
from tests.cast import Merchant
from tests.orders.acts import told
from tests.reconciliation.past import at, month_ago

LONG_AGO = timedelta(days=200)
DAY = timedelta(days=1)
NEVER_TODAY = 24  # an hour that no day has: what it waits for comes at midnight


@pytest.fixture(autouse=True)
def _from_midnight_on(settings: Settings) -> None:
    settings.STATEMENT_HOUR = 0


@pytest.fixture
def old(merchant: Merchant) -> Merchant:
    """One that has been there for more than half a year."""
    at(merchant.partner, clock.now() - LONG_AGO)
    return merchant


def periods_of(merchant: Merchant) -> list[tuple[date, date]]:
    rows = Statement.objects.filter(partner=merchant.partner).order_by("id")
    return [(row.period_start, row.period_end) for row in rows]


def last_of_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1) - DAY


def test_days_and_months_are_ordered_when_they_are_missing(old: Merchant) -> None:
    yesterday = read_yesterday()

    ordered = order_due_statements()

    days = {(yesterday - DAY * back, yesterday - DAY * back) for back in range(31)}
    months = {(month_ago(back), last_of_month(month_ago(back))) for back in (1, 2, 3)}
    assert set(periods_of(old)) == days | months
    assert ordered == 34
    assert periods_of(old)[0][1] == yesterday  # the newest are made first
    assert set(Statement.objects.values_list("requested_by", "status")) == {
        ("platform", "preparing")
    }


def test_nothing_is_ordered_when_nothing_is_missing(old: Merchant) -> None:
    order_due_statements()

    assert order_due_statements() == 0
    assert Statement.objects.count() == 34


def test_yesterday_waits_for_the_hour(old: Merchant, settings: Settings) -> None:
    settings.STATEMENT_HOUR = NEVER_TODAY

    order_due_statements()

    assert max(end for _start, end in periods_of(old)) == read_yesterday() - DAY


def test_partner_has_statements_from_its_first_day_on(merchant: Merchant) -> None:
    assert order_due_statements() == 0

    at(merchant.partner, clock.now() - 2 * DAY)
    order_due_statements()

    yesterday = read_yesterday()
    days = [period for period in periods_of(merchant) if period[0] == period[1]]
    assert days == [(yesterday, yesterday), (yesterday - DAY, yesterday - DAY)]


def test_what_somebody_asked_for_is_not_ordered_again_and_made_first(old: Merchant) -> None:
    order_due_statements()
    third = read_yesterday() - 40 * DAY

    asked = request_statement(
        partner_id=old.partner.pk, period_start=third, period_end=third, by="key:op_test",
        now=clock.now(),
    )  # fmt: skip
    assert make_due_statement() == 1

    asked.refresh_from_db()
    assert asked.status == "ready"
    assert Statement.objects.filter(status="ready").count() == 1


def test_daily_statement_is_told_by_message_and_not_by_mail(old: Merchant) -> None:
    old.partner.email = "books@example.com"
    old.partner.save()
    order_due_statements()
    Statement.objects.exclude(period_start=read_yesterday()).delete()

    assert make_due_statement() == 1
    assert make_due_statement() == 0

    assert [message.type for message in told(old)] == ["statement.ready"]
    assert Mail.objects.count() == 0


def test_worker_orders_every_minute_and_makes_at_once() -> None:
    loops = {loop.name: (loop.run, loop.pause) for loop in LOOPS}

    assert loops["order statements"] == (order_due_statements, 60.0)
    assert loops["make statements"] == (make_due_statement, 1.0)
