from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from openplatform.core import clock
from tests.aftersales.api.reading import refused
from tests.cast import Api
from tests.reconciliation.api.reports import FEBRUARY, FILE, MISSING, ReportStage, make_reports
from tests.staging import on_stage


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[ReportStage]:
    with on_stage(django_db_blocker):
        yield make_reports()


def test_results_and_the_bridge_are_shown_when_it_is_ready(db: None, stage: ReportStage) -> None:
    response = stage.merchant.api.get(f"/reconciliations/{stage.report.reconciliation_no}")

    assert response.status_code == 200
    assert response.json() == {
        "reconciliation_no": stage.report.reconciliation_no,
        "currency": "CNY",
        **FEBRUARY,
        "statement_no": stage.report.statement.statement_no,
        "status": "ready",
        "filename": "february.csv",
        "sha256": hashlib.sha256(FILE).hexdigest(),
        "columns": {
            name: name
            for name in (
                "merchant_order_no",
                "kind",
                "amount",
                "at",
                "status",
                "merchant_aftersale_no",
            )
        },
        "row_count": 2,
        "results": {
            "matched": 0,
            "missing_here": 1,
            "missing_there": 0,
            "amount_differs": 1,
            "state_differs": 0,
            "duplicate": 0,
        },
        "bridge": {
            "opening": "10000.00",
            "their_closing": "9968.00",
            "missing_here": "5.00",
            "missing_there": "0.00",
            "amount_differs": "-1.00",
            "state_differs": "0.00",
            "duplicate": "0.00",
            "our_closing": "9972.00",
        },
        "fault_count": 0,
        "faults": [],
        "created_at": clock.to_text(stage.report.created_at),
        "ready_at": clock.to_text(stage.report.ready_at),
    }


def test_nothing_is_told_of_results_when_it_is_being_made(db: None, stage: ReportStage) -> None:
    body = stage.merchant.api.get(f"/reconciliations/{stage.waiting.reconciliation_no}").json()

    assert body["status"] == "preparing"
    names = ("row_count", "results", "bridge", "ready_at")
    assert {body[name] for name in names} == {None}


def test_faults_are_told_when_the_file_could_not_be_read(db: None, stage: ReportStage) -> None:
    body = stage.merchant.api.get(f"/reconciliations/{stage.failed.reconciliation_no}").json()

    assert (body["status"], body["fault_count"] > 0) == ("failed", True)
    assert len(body["faults"]) == body["fault_count"]
    assert (body["results"], body["bridge"]) == (None, None)


def test_report_of_another_merchant_is_as_if_it_were_missing(db: None, stage: ReportStage) -> None:
    theirs = stage.stranger.api.get(f"/reconciliations/{stage.report.reconciliation_no}")
    missing = stage.stranger.api.get(f"/reconciliations/{MISSING}")

    assert theirs.status_code == 404
    assert {**theirs.json(), "request_id": ""} == {**missing.json(), "request_id": ""}


@pytest.mark.parametrize("number", ["..", "../statements", "１", "%00", "c1", "C" * 25])
def test_there_is_nothing_when_the_path_is_no_number(
    db: None, stage: ReportStage, number: str
) -> None:
    assert refused(stage.merchant.api.get(f"/reconciliations/{number}"))[:2] == (404, "not_found")


def test_parameters_are_refused(db: None, stage: ReportStage) -> None:
    response = stage.merchant.api.get(
        f"/reconciliations/{stage.report.reconciliation_no}", result="matched"
    )

    assert refused(response)[:2] == (400, "filter_not_allowed")


def test_refused_when_the_key_opens_other_things_only(db: None, stage: ReportStage) -> None:
    api = stage.merchant.api_with("statements:write", "account:read")

    response = api.get(f"/reconciliations/{stage.report.reconciliation_no}")

    assert refused(response)[:2] == (403, "scope_missing")


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().get(f"/reconciliations/{MISSING}").json()["code"] == "key_missing"
