from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from accounts.models import LedgerEntry
from openplatform.core import clock
from orders.models import Order
from reconciliation.models import ReconciliationRow
from tests.aftersales.api.reading import refused
from tests.cast import Api
from tests.reconciliation.api.reports import MISSING, ReportStage, make_reports
from tests.reconciliation.api.rows import all_pages, count_statements
from tests.staging import on_stage


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[ReportStage]:
    with on_stage(django_db_blocker):
        yield make_reports()


def path_of(stage: ReportStage) -> str:
    return f"/reconciliations/{stage.report.reconciliation_no}/rows"


def positions(body: dict[str, Any]) -> list[int]:
    return [row["position"] for row in body["results"]]


def test_each_row_has_the_documents_behind_it(db: None, stage: ReportStage) -> None:
    response = stage.merchant.api.get(path_of(stage))

    order = Order.objects.get(merchant_order_no="M-1")
    entry = LedgerEntry.objects.get(order_no=order.order_no)
    rows = {row["merchant_order_no"]: row for row in response.json()["results"]}
    explained = ReconciliationRow.objects.get(result="missing_here")
    assert (response.status_code, response.json()["next"], len(rows)) == (200, None, 2)
    assert rows["M-1"] == {
        **rows["M-1"],
        "file_row": 2,
        "result": "amount_differs",
        "kind": "order_payment",
        "merchant_aftersale_no": None,
        "their_amount": "-27.00",
        "our_amount": "-28.00",
        "difference": "-1.00",
        "our_at": clock.to_text(entry.created_at),
        "entry_no": str(entry.entry_no),
        "order_no": order.order_no,
        "resolution": None,
    }
    assert rows["M-9"] == {
        **rows["M-9"],
        "file_row": 3,
        "result": "missing_here",
        "cause": "unknown_order",
        "their_amount": "-5.00",
        "our_amount": None,
        "difference": "5.00",
        "our_at": None,
        "entry_no": None,
        "order_no": None,
        "resolution": {"note": "Was never placed", "at": clock.to_text(explained.resolved_at)},
    }


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"result": "amount_differs"}, ["M-1"]),
        ({"result": "matched"}, []),
        ({"cause": "unknown_order"}, ["M-9"]),
        ({"resolved": "true"}, ["M-9"]),
        ({"resolved": "false"}, ["M-1"]),
        ({"result": "missing_here", "resolved": "false"}, []),
    ],
)
def test_rows_are_filtered(
    db: None, stage: ReportStage, parameters: dict[str, str], found: list[str]
) -> None:
    body = stage.merchant.api.get(path_of(stage), **parameters).json()

    assert [row["merchant_order_no"] for row in body["results"]] == found


def test_pages_follow_each_other_in_the_order_of_the_report(db: None, stage: ReportStage) -> None:
    pages = all_pages(stage.merchant, path_of(stage), limit=1)

    assert [positions(page) for page in pages] == [[1], [2]]


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"result": "differs"}, 422, "field_invalid"),
        ({"cause": "magic"}, 422, "field_invalid"),
        ({"resolved": "yes"}, 422, "field_invalid"),
        ({"resolved": "True"}, 422, "field_invalid"),
        ({"resolved": ""}, 422, "field_invalid"),
        ({"their_amount__gt": "1"}, 400, "filter_not_allowed"),
        ({"limit": "0"}, 422, "field_invalid"),
        ({"cursor": "WzFd"}, 400, "cursor_invalid"),
    ],
)
def test_refused_when_a_parameter_cannot_be_read(
    db: None, stage: ReportStage, parameters: dict[str, str], status: int, code: str
) -> None:
    response = stage.merchant.api.get(path_of(stage), **parameters)

    assert refused(response)[:2] == (status, code)


@pytest.mark.parametrize(("name", "retry_after"), [("waiting", "5"), ("failed", None)])
def test_refused_when_there_is_no_report(
    db: None, stage: ReportStage, name: str, retry_after: str | None
) -> None:
    report = getattr(stage, name)

    response = stage.merchant.api.get(f"/reconciliations/{report.reconciliation_no}/rows")

    assert refused(response)[:2] == (409, "reconciliation_not_ready")
    assert response.json()["errors"][0]["status"] == report.status
    assert response.get("Retry-After") == retry_after


def test_two_statements_are_sent_however_many_rows_there_are(db: None, stage: ReportStage) -> None:
    assert count_statements(stage.merchant, path_of(stage), limit=1) == 2
    assert count_statements(stage.merchant, path_of(stage)) == 2


def test_rows_of_another_merchant_are_as_if_they_were_missing(db: None, stage: ReportStage) -> None:
    theirs = stage.stranger.api.get(path_of(stage))
    missing = stage.stranger.api.get(f"/reconciliations/{MISSING}/rows")

    assert theirs.status_code == 404
    assert {**theirs.json(), "request_id": ""} == {**missing.json(), "request_id": ""}


def test_refused_when_the_key_opens_other_things_only(db: None, stage: ReportStage) -> None:
    response = stage.merchant.api_with("statements:write").get(path_of(stage))

    assert refused(response)[:2] == (403, "scope_missing")


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().get(f"/reconciliations/{MISSING}/rows").json()["code"] == "key_missing"
