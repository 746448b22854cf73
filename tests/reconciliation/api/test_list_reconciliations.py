from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from openplatform.core import clock
from tests.aftersales.api.reading import refused
from tests.cast import Api
from tests.reconciliation.api.reports import ReportStage, make_reports
from tests.reconciliation.api.rows import all_pages, count_statements
from tests.staging import on_stage


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[ReportStage]:
    with on_stage(django_db_blocker):
        yield make_reports()


def numbers(body: dict[str, Any]) -> list[str]:
    return [report["reconciliation_no"] for report in body["results"]]


def numbers_of(stage: ReportStage, *names: str) -> list[str]:
    return [getattr(stage, name).reconciliation_no for name in names]


def test_newest_report_comes_first_as_it_is_by_itself(db: None, stage: ReportStage) -> None:
    body = stage.merchant.api.get("/reconciliations").json()

    found = numbers_of(stage, "waiting", "failed", "report")
    assert (numbers(body), body["next"]) == (found, None)
    for row in body["results"]:
        path = f"/reconciliations/{row['reconciliation_no']}"
        assert row == stage.merchant.api.get(path).json()


@pytest.mark.parametrize(
    ("status", "found"), [("ready", "report"), ("preparing", "waiting"), ("failed", "failed")]
)
def test_reports_are_filtered_by_status(
    db: None, stage: ReportStage, status: str, found: str
) -> None:
    body = stage.merchant.api.get("/reconciliations", status=status).json()

    assert numbers(body) == numbers_of(stage, found)


def test_reports_are_filtered_by_when_they_were_sent(db: None, stage: ReportStage) -> None:
    second = clock.to_text(stage.failed.created_at)

    since = stage.merchant.api.get("/reconciliations", created_after=second).json()
    before = stage.merchant.api.get("/reconciliations", created_before=second).json()

    assert numbers(since) == numbers_of(stage, "waiting", "failed")
    assert numbers(before) == numbers_of(stage, "report")


def test_pages_follow_each_other(db: None, stage: ReportStage) -> None:
    pages = all_pages(stage.merchant, "/reconciliations", limit=2)

    assert [numbers(page) for page in pages] == [
        numbers_of(stage, "waiting", "failed"),
        numbers_of(stage, "report"),
    ]


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"status": "done"}, 422, "field_invalid"),
        ({"created_after": "2026-02-01"}, 422, "field_invalid"),
        ({"filename": "a.csv"}, 400, "filter_not_allowed"),
        ({"limit": "ten"}, 422, "field_invalid"),
        ({"cursor": "x"}, 400, "cursor_invalid"),
    ],
)
def test_refused_when_a_parameter_cannot_be_read(
    db: None, stage: ReportStage, parameters: dict[str, str], status: int, code: str
) -> None:
    response = stage.merchant.api.get("/reconciliations", **parameters)

    assert refused(response)[:2] == (status, code)


def test_one_statement_is_sent_however_many_reports_there_are(db: None, stage: ReportStage) -> None:
    assert count_statements(stage.merchant, "/reconciliations", limit=1) == 1
    assert count_statements(stage.merchant, "/reconciliations") == 1


def test_nothing_is_listed_of_another_merchant(db: None, stage: ReportStage) -> None:
    assert stage.stranger.api.get("/reconciliations").json() == {"results": [], "next": None}


def test_refused_when_the_key_opens_other_things_only(db: None, stage: ReportStage) -> None:
    response = stage.merchant.api_with("statements:write").get("/reconciliations")

    assert refused(response)[:2] == (403, "scope_missing")


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().get("/reconciliations").json()["code"] == "key_missing"
