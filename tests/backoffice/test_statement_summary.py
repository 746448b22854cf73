"""The summary over merchants: statements held against the ledger, on a page and in files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.clock import PLATFORM_ZONE
from reconciliation.admin import summary as page
from reconciliation.models import Statement
from reconciliation.selectors.summary import Agreement, get_summary
from reconciliation.states import PaperStatus
from tests.backoffice.conftest import Staff
from tests.backoffice.pages import csv_of
from tests.backoffice.statement_month import FIRST, LAST, MARCH, Month
from tests.reconciliation.past import make_statement
from tests.staging import on_stage

pytestmark = pytest.mark.django_db

URL = reverse("admin:reconciliation_statement_summary")
EMPTY = ["10,000.00", "0.00", "0.00", "0.00", "0.00", "0.00", "10,000.00", "0"]
ACME = ["10,000.00", "0.00", "-82.00", "0.00", "5.00", "0.00", "9,923.00", "3"]
BOTH = ["20,000.00", "0.00", "-82.00", "0.00", "5.00", "0.00", "19,923.00", "3"]


@pytest.fixture(scope="module")
def march(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Month]:
    with on_stage(django_db_blocker):
        month = Month()
        make_statement(month.stranger.partner, FIRST, LAST)
        yield month


@contextmanager
def behind_the_triggers() -> Iterator[Any]:
    """As somebody with the keys of the database could do it."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield cursor
        cursor.execute("SET LOCAL session_replication_role = origin")


def shown(cells: Any) -> list[str]:
    return [cell.text for cell in cells]


def rows_of(response: Any) -> dict[str, tuple[str, list[str]]]:
    return {
        row.merchant.code: (row.merchant.agreement.value, shown(row.cells))
        for row in response.context["rows"]
    }


def test_totals_are_the_same_to_the_cent_when_all_statements_are_there(
    march: Month, boss: Client
) -> None:
    response = boss.get(URL, MARCH)

    assert response.status_code == 200
    assert rows_of(response) == {"acme": ("agrees", ACME), "stranger": ("agrees", EMPTY)}
    assert shown(response.context["stated"]) == BOTH
    assert shown(response.context["booked"]) == BOTH
    assert response.context["summary"].is_agreed
    assert 'id="agreed"' in response.content.decode()


def test_page_tells_who_differs_and_where_when_an_entry_was_changed_behind_our_back(
    march: Month, boss: Client
) -> None:
    with behind_the_triggers() as cursor:
        cursor.execute(
            "UPDATE accounts_ledgerentry SET amount = -63.00"
            " WHERE partner_id = %s AND entry_no = 2",
            [march.acme.partner.pk],
        )

    response = boss.get(URL, MARCH)

    first, second = response.context["rows"]
    assert (first.merchant.code, first.merchant.agreement) == ("acme", Agreement.DIFFERS)
    assert first.merchant.differing == ["order_payment", "closing"]
    assert [(cell.text, cell.ledger) for cell in first.cells if cell.ledger] == [
        ("-82.00", "-81.00"), ("9,923.00", "9,924.00"),
    ]  # fmt: skip
    assert second.merchant.agreement == Agreement.AGREES
    assert shown(response.context["differences"]) == [
        "0.00", "0.00", "-1.00", "0.00", "0.00", "0.00", "-1.00", "0",
    ]  # fmt: skip
    text = response.content.decode()
    assert "ledger: -81.00" in text
    assert 'id="not-agreed"' in text
    assert reverse("admin:reconciliation_statement_change", args=(march.statement.pk,)) in text
    assert f"?partner__id__exact={march.acme.partner.pk}&amp;created_at_from=2026-03-01" in text


def test_an_entry_that_was_put_in_behind_our_back_is_found_by_its_time(march: Month) -> None:
    with behind_the_triggers() as cursor:
        cursor.execute(
            "UPDATE accounts_ledgerentry SET created_at = '2026-03-31T23:59:59.999999+08:00'"
            " WHERE partner_id = %s AND entry_no = 5",
            [march.acme.partner.pk],
        )

    summary = get_summary(first=FIRST, last=LAST)

    [acme] = [merchant for merchant in summary.merchants if merchant.code == "acme"]
    assert acme.differing == ["adjustment", "closing", "entries"]
    assert summary.differences.amounts["closing"] == Decimal("100.00")


def test_midnights_are_the_platforms(march: Month) -> None:
    before = get_summary(first=date(2026, 2, 1), last=date(2026, 2, 28))
    after = get_summary(first=date(2026, 4, 1), last=date(2026, 4, 30))

    assert before.booked.amounts["top_up"] == Decimal("20000.00")
    assert before.booked.amounts["order_payment"] == Decimal("0.00")
    assert before.booked.amounts["closing"] == Decimal("20000.00")
    assert after.booked.amounts["opening"] == Decimal("19923.00")
    assert after.booked.amounts["adjustment"] == Decimal("-100.00")


@pytest.mark.parametrize(
    ("status", "agreement"), [("failed", "failed"), ("preparing", "preparing"), (None, "missing")]
)
def test_figures_are_of_the_ledger_when_there_is_no_statement(
    march: Month, boss: Client, status: str | None, agreement: str
) -> None:
    days = {"period_start": "2026-03-02", "period_end": "2026-03-05"}
    if status is not None:
        Statement.objects.create(
            statement_no="S-1", partner=march.acme.partner, status=status, **days,
            **({"due_at": None} if status == PaperStatus.FAILED else {}),
        )  # fmt: skip

    response = boss.get(URL, {**days, "partner": "acme"})

    figures = ["9,936.00", "0.00", "-18.00", "0.00", "0.00", "0.00", "9,918.00", "1"]
    assert rows_of(response) == {"acme": (agreement, figures)}
    assert shown(response.context["booked"]) == figures
    assert shown(response.context["unstated"]) == figures
    assert shown(response.context["stated"]) == ["0.00"] * 7 + ["0"]
    assert shown(response.context["differences"]) == ["0.00"] * 7 + ["0"]
    assert not response.context["summary"].is_agreed


def test_merchants_are_counted_from_their_first_day_on(march: Month) -> None:
    assert get_summary(first=date(2026, 1, 1), last=date(2026, 1, 31)).merchants == []
    assert len(get_summary(first=date(2026, 2, 1), last=date(2026, 2, 10)).merchants) == 2
    assert get_summary(first=date(2026, 2, 1), last=date(2026, 2, 9)).merchants == []


def test_page_says_that_there_is_nothing_when_there_was_no_merchant(
    march: Month, boss: Client
) -> None:
    response = boss.get(URL, {"period_start": "2026-01-01", "period_end": "2026-01-31"})

    assert "There was no merchant in these days." in response.content.decode()


def test_page_says_so_when_the_days_are_not_over(march: Month, boss: Client) -> None:
    today = clock.now().astimezone(PLATFORM_ZONE).date().isoformat()

    response = boss.get(URL, {"period_start": today, "period_end": today})

    assert response.context["is_open"]
    assert "These days are not over yet" in response.content.decode()


def test_page_asks_for_the_month_that_ended_last_when_nobody_names_days(
    march: Month, boss: Client
) -> None:
    response = boss.get(URL)

    assert response.status_code == 200
    assert response.context["form"].data["period_start"][-2:] == "01"
    assert len(response.context["months"]) == 6


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"period_start": "2026-03-31", "period_end": "2026-03-01"}, "period_end"),
        ({"period_start": "2025-03-01", "period_end": "2026-03-02"}, "period_end"),
        ({"period_start": "0001-01-01", "period_end": "2026-03-02"}, "period_start"),
        ({"period_start": "2026-03-01", "period_end": "9999-12-31"}, "period_end"),
        ({"period_start": "x"}, "period_start"),
        ({"partner": "nobody"}, "partner"),
        ({"partner": "a\x00"}, "partner"),
    ],
)
def test_page_tells_the_fault_and_nothing_else_when_the_question_is_wrong(
    march: Month, boss: Client, asked: dict[str, str], field: str
) -> None:
    response = boss.get(URL, {**MARCH, **asked})

    assert response.status_code == 200
    assert list(response.context["form"].errors) == [field]
    assert "summary" not in response.context
    assert "summary" not in boss.get(URL, {**MARCH, **asked, "file": "xlsx"}).context


# Files


def test_csv_has_both_sides_and_no_formula(march: Month, boss: Client) -> None:
    march.acme.partner.name = '=HYPERLINK("https://evil.example")'
    march.acme.partner.save(update_fields=["name"])

    response = boss.get(URL, {**MARCH, "file": "csv"})

    head, acme, stranger, total = csv_of(response)
    parts = [
        "Opening", "Top-ups", "Order payments", "Refunds", "Adjustments", "Withdrawals", "Closing",
    ]  # fmt: skip
    assert head == [
        "Code", "Name", "Statement", "Result", *parts, "Entries",
        *(f"Ledger: {part}" for part in [*parts, "Entries"]),
    ]  # fmt: skip
    figures = ["10000.00", "0.00", "-82.00", "0.00", "5.00", "0.00", "9923.00", "3"]
    assert acme == [
        "acme", "'=HYPERLINK(\"https://evil.example\")", march.statement.statement_no, "Agrees",
        *figures, *figures,
    ]  # fmt: skip
    assert stranger[:2] == ["stranger", "Merchant stranger"]
    assert total[0] == "Total"
    assert total[10] == total[18] == "19923.00"
    assert response["Content-Disposition"] == (
        'attachment; filename="statement-summary-2026-03-01-2026-03-31.csv"'
    )


def test_workbook_has_numbers_as_numbers_and_the_trail_says_who_took_it(
    march: Month, boss: Client
) -> None:
    response = boss.get(URL, {**MARCH, "file": "xlsx"})

    [sheet] = openpyxl.load_workbook(io.BytesIO(response.content)).worksheets
    assert [cell.value for cell in sheet[2]][:12] == [
        "acme", "Merchant acme", march.statement.statement_no, "Agrees",
        10000, 0, -82, 0, 5, 0, 9923, 3,
    ]  # fmt: skip
    entry = AuditEntry.objects.get(action="export_statement_summary")
    assert (entry.actor, entry.subject_label) == (
        "boss", "statement-summary-2026-03-01-2026-03-31.xlsx",
    )  # fmt: skip


def test_there_is_no_such_file(march: Month, boss: Client) -> None:
    assert boss.get(URL, {**MARCH, "file": "pdf"}).status_code == 404
    assert not AuditEntry.objects.filter(action="export_statement_summary").exists()


@pytest.mark.parametrize("file", ["", "csv"])
def test_page_asks_for_fewer_days_when_there_is_too_much_to_add_up(
    march: Month, boss: Client, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    monkeypatch.setattr(page, "PATIENCE", "SET LOCAL statement_timeout = '1ms'; SELECT 1")
    monkeypatch.setattr(page, "get_summary", lambda **_asked: _sleep())

    response = boss.get(URL, {**MARCH, **({"file": file} if file else {})})

    assert response.context["form"].non_field_errors() == [
        "That is too much to add up at once; ask for fewer days"
    ]


def _sleep() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(1)")


def test_page_is_for_whoever_may_see_statements(march: Month, staff: Staff) -> None:
    assert staff("orders.view_order", username="olive").get(URL).status_code == 403
    rita = staff("reconciliation.view_statement", username="rita")
    assert rita.get(URL).status_code == 200
    assert "file=csv" not in rita.get(URL, MARCH).content.decode()
    assert rita.get(URL, {**MARCH, "file": "csv"}).status_code == 403
