"""Statements in the back office: the list, the page of each, its files, and having one made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.clock import PLATFORM_ZONE
from reconciliation.models import Statement
from reconciliation.states import PaperStatus
from tests.backoffice.conftest import Staff
from tests.backoffice.statement_month import FIRST, LAST, MARCH, Month
from tests.staging import on_stage

pytestmark = pytest.mark.django_db

LIST = reverse("admin:reconciliation_statement_changelist")
ORDER = f"{LIST}order/"
SEEING = "reconciliation.view_statement"
DOWNLOADING = "reconciliation.download_statement"
ORDERING = "reconciliation.add_statement"


@pytest.fixture(scope="module")
def march(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Month]:
    with on_stage(django_db_blocker):
        yield Month()


def page_of(statement: Statement) -> str:
    return reverse("admin:reconciliation_statement_change", args=(statement.pk,))


def file_of(statement: Statement, format: str = "csv", language: str = "en") -> str:
    return reverse("admin:reconciliation_statement_file", args=(statement.pk, format, language))


def listed(client: Client, **query: str) -> list[str]:
    response = client.get(LIST, query)
    assert response.status_code == 200
    return [
        f"{row.partner.code} {row.period_start}..{row.period_end}"
        for row in response.context["cl"].result_list
    ]


def content_of(response: Any) -> bytes:
    return b"".join(response.streaming_content)


# The list


def test_list_finds_statements_by_merchant_kind_month_and_state(march: Month, boss: Client) -> None:
    for number, partner, first, last in (
        ("S-1", march.acme.partner, "2026-03-05", "2026-03-05"),
        ("S-2", march.stranger.partner, "2026-03-01", "2026-03-15"),
    ):
        Statement.objects.create(
            statement_no=number, partner=partner, period_start=first, period_end=last
        )
    month = "acme 2026-03-01..2026-03-31"
    day = "acme 2026-03-05..2026-03-05"
    other = "stranger 2026-03-01..2026-03-15"

    assert listed(boss) == [other, day, month]
    assert listed(boss, partner__id__exact=str(march.acme.partner.pk)) == [day, month]
    assert listed(boss, kind="month") == [month]
    assert listed(boss, kind="day") == [day]
    assert listed(boss, kind="other") == [other]
    assert listed(boss, month="2026-03") == [month]
    assert listed(boss, month="2026-02") == []
    assert listed(boss, status__exact="failed") == []
    assert listed(boss, period_end_from="2026-03-06", period_end_to="2026-03-30") == [other]
    assert listed(boss, status__exact="ready") == [month]
    assert listed(boss, q=march.statement.statement_no) == [month]
    assert listed(boss, q="stranger") == [other]


@pytest.mark.parametrize(
    "query",
    [{"kind": "x"}, {"month": "2026-13"}, {"month": "0001-01"}, {"month": "2026-3"}],
)
def test_list_shows_all_when_a_filter_names_nothing(
    march: Month, boss: Client, query: dict[str, str]
) -> None:
    assert len(listed(boss, **query)) == 1


@pytest.mark.parametrize(
    ("first", "last", "kind"),
    [
        ("2024-02-01", "2024-02-29", "month"),
        ("2024-02-01", "2024-02-28", "other"),
        ("2025-12-01", "2025-12-31", "month"),
        ("2025-12-02", "2025-12-31", "other"),
        ("2025-11-01", "2025-12-31", "other"),
        ("2025-12-01", "2025-12-01", "day"),
    ],
)
def test_kind_follows_from_the_days(
    march: Month, boss: Client, first: str, last: str, kind: str
) -> None:
    Statement.objects.create(
        statement_no="S-1", partner=march.acme.partner, period_start=first, period_end=last
    )

    found = {name: f"acme {first}..{last}" in listed(boss, kind=name) for name in KINDS}
    assert found == {name: name == kind for name in KINDS}


KINDS = ("day", "month", "other")


# The page


def test_page_tells_figures_files_and_what_belongs_to_it(march: Month, boss: Client) -> None:
    response = boss.get(page_of(march.statement))

    assert response.status_code == 200
    assert [(str(label), amount) for label, amount in response.context["movements"]] == [
        ("Opening", Decimal("10000.00")),
        ("Top-ups", Decimal("0.00")),
        ("Order payments", Decimal("-82.00")),
        ("Refunds", Decimal("0.00")),
        ("Adjustments", Decimal("5.00")),
        ("Withdrawals", Decimal("0.00")),
        ("Closing", Decimal("9923.00")),
    ]
    assert response.context["entry_count"] == 3
    assert [(row.name, len(row.files)) for row in response.context["file_rows"]] == [
        ("CSV", 2), ("XLSX", 2), ("PDF", 2),
    ]  # fmt: skip
    assert [label for label, _url in response.context["links"]] == [
        "Ledger of these days", "Held against the ledger",
    ]  # fmt: skip
    ledger, summary = (boss.get(url) for _label, url in response.context["links"])
    assert ledger.context["cl"].result_count == 3
    assert [row.merchant.code for row in summary.context["rows"]] == ["acme"]
    page = response.content.decode()
    assert "Nobody yet." in page
    assert "Monthly" in page


def test_page_speaks_chinese_when_the_reader_does(march: Month, boss: Client) -> None:
    response = boss.get(page_of(march.statement), headers={"Accept-Language": "zh-hans"})

    assert response.status_code == 200


def test_whoever_may_only_look_finds_no_link_to_a_file(march: Month, staff: Staff) -> None:
    client = staff(SEEING)

    response = client.get(page_of(march.statement))

    assert response.status_code == 200
    assert file_of(march.statement) not in response.content.decode()
    assert response.context["downloads"] is None
    assert client.get(file_of(march.statement)).status_code == 403
    assert client.get(ORDER).status_code == 403
    assert not AuditEntry.objects.filter(action="download_statement").exists()


# Files


@pytest.mark.parametrize("format", ["csv", "xlsx", "pdf"])
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_file_is_the_one_that_was_made_and_the_trail_says_who_took_it(
    march: Month, staff: Staff, format: str, language: str
) -> None:
    client = staff(SEEING, DOWNLOADING, "audit.view_auditentry", username="fin")
    file = march.statement.files.get(format=format, language=language)

    response = client.get(file_of(march.statement, format, language))

    content = content_of(response)
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (file.sha256, file.size_bytes)
    assert response["Content-Disposition"] == (
        f'attachment; filename="statement-acme-2026-03-01-2026-03-31-{language}.{format}"'
    )
    assert "no-store" in response["Cache-Control"]
    entry = AuditEntry.objects.get(action="download_statement")
    assert (entry.actor, entry.subject_id) == ("fin", str(march.statement.pk))
    assert entry.partner == march.acme.partner
    assert (entry.after["format"], entry.after["language"]) == (format, language)
    [download] = client.get(page_of(march.statement)).context["downloads"]
    assert (download.actor, download.what) == (
        "fin", f"{format.upper()} · {'Chinese' if language == 'zh-hans' else 'English'}",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("format", "language"), [("doc", "en"), ("csv", "fr"), ("csv", "zh-hans'")]
)
def test_there_is_no_such_file(march: Month, boss: Client, format: str, language: str) -> None:
    assert boss.get(file_of(march.statement, format, language)).status_code == 404
    assert boss.get(f"{LIST}999999/file/csv/en/").status_code == 404
    assert not AuditEntry.objects.filter(action="download_statement").exists()


def test_nothing_is_kept_of_a_download_when_the_file_is_gone(march: Month, boss: Client) -> None:
    file = march.statement.files.get(format="csv", language="en")
    with default_storage.open(file.file) as stored:
        content = stored.read()
    default_storage.delete(file.file)

    response = boss.get(file_of(march.statement))

    assert response.status_code == 404
    assert not AuditEntry.objects.filter(action="download_statement").exists()
    with default_storage.open(file.file, "wb") as stored:
        stored.write(content)


# Having one made


def test_statement_is_ordered_when_finance_asks(march: Month, staff: Staff) -> None:
    client = staff(SEEING, ORDERING, username="fin")
    asked = {"partner": march.stranger.partner.pk, **MARCH}

    response = client.post(ORDER, asked)

    statement = Statement.objects.get(partner=march.stranger.partner)
    assert (statement.period_start, statement.period_end) == (FIRST, LAST)
    assert (statement.status, statement.requested_by) == (PaperStatus.PREPARING, "fin")
    assert response["Location"] == page_of(statement)
    page = client.get(page_of(statement)).content.decode()
    assert "Waits for the worker, which makes one after the other" in page
    progress = client.get(f"{LIST}{statement.pk}/progress/")
    assert progress.json() == {"status": "preparing", "rows_done": 0}


def test_the_page_of_the_statement_opens_when_it_is_there_already(
    march: Month, boss: Client
) -> None:
    response = boss.post(ORDER, {"partner": march.acme.partner.pk, **MARCH})

    assert response["Location"] == page_of(march.statement)
    assert Statement.objects.count() == 1


def test_form_offers_the_month_that_ended_last(march: Month, boss: Client) -> None:
    response = boss.get(ORDER)

    end = response.context["form"].initial["period_end"]
    today = clock.now().astimezone(PLATFORM_ZONE).date()
    assert end == today.replace(day=1) - timedelta(days=1)
    assert response.context["form"].initial["period_start"] == end.replace(day=1)


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        ("2026-03-31", "2026-03-01", "period_end"),
        ("2025-03-01", "2026-03-02", "period_end"),
        ("1999-12-31", "2000-01-01", "period_start"),
        ("x", "2026-03-31", "period_start"),
        ("2026-03-01", "", "period_end"),
    ],
)
def test_nothing_is_ordered_when_the_days_are_wrong(
    march: Month, boss: Client, first: str, last: str, field: str
) -> None:
    response = boss.post(
        ORDER,
        {"partner": march.stranger.partner.pk, "period_start": first, "period_end": last},
    )

    assert response.status_code == 200
    assert list(response.context["form"].errors) == [field]
    assert Statement.objects.count() == 1


def test_nothing_is_ordered_when_the_last_day_has_not_ended(march: Month, boss: Client) -> None:
    today = clock.now().astimezone(PLATFORM_ZONE).date()

    response = boss.post(
        ORDER,
        {
            "partner": march.stranger.partner.pk,
            "period_start": today.isoformat(),
            "period_end": today.isoformat(),
        },
    )

    assert response.context["form"].errors == {
        "period_end": ["The last day of the period has not ended yet"]
    }
    assert Statement.objects.count() == 1


def test_failed_statement_is_made_again_when_finance_asks(march: Month, staff: Staff) -> None:
    client = staff(SEEING, ORDERING, username="fin")
    statement = Statement.objects.create(
        statement_no="S-1", partner=march.stranger.partner, period_start=FIRST, period_end=LAST,
        status=PaperStatus.FAILED, due_at=None, error="entry_no: 1 ≠ 2", attempts=1,
    )  # fmt: skip
    url = f"{LIST}{statement.pk}/make-again/"
    assert "entry_no: 1 ≠ 2" in client.get(page_of(statement)).content.decode()
    assert "entry_no: 1 ≠ 2" in client.get(url).content.decode()

    response = client.post(url)

    assert response["Location"] == page_of(statement)
    statement.refresh_from_db()
    assert (statement.status, statement.error) == (PaperStatus.PREPARING, "")


def test_ready_statement_is_not_made_again(march: Month, boss: Client, staff: Staff) -> None:
    url = f"{LIST}{march.statement.pk}/make-again/"

    response = boss.post(url)

    assert response.status_code == 302
    assert staff(SEEING, username="rita").post(url).status_code == 403
    statement = Statement.objects.get(pk=march.statement.pk)
    assert (statement.status, statement.attempts) == (PaperStatus.READY, 1)


def test_statements_are_closed_to_whoever_may_see_none(march: Month, staff: Staff) -> None:
    client = staff("orders.view_order")

    for url in (
        LIST,
        page_of(march.statement),
        file_of(march.statement),
        ORDER,
        f"{LIST}{march.statement.pk}/progress/",
        reverse("admin:reconciliation_statement_summary"),
        reverse("admin:reconciliation_statement_archive"),
        reverse("admin:reconciliation_statement_one_month", args=("2026-03",)),
    ):
        assert client.get(url).status_code == 403, url
        assert Client().get(url).status_code == 302, url
