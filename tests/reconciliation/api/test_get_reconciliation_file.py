from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest
from pytest_django import DjangoDbBlocker

from openplatform.core.uploads.files import MEDIA_TYPES
from tests.aftersales.api.reading import refused
from tests.cast import PREFIX, Api
from tests.reconciliation.api.reports import MISSING, ReportStage, make_reports
from tests.reconciliation.api.rows import read_whole
from tests.staging import on_stage


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[ReportStage]:
    with on_stage(django_db_blocker):
        yield make_reports()


def get(stage: ReportStage, *, headers: Any = None, **parameters: str) -> Any:
    path = f"/reconciliations/{stage.report.reconciliation_no}/file"
    return read_whole(stage.merchant.api.get(path, headers=headers, **parameters))


def cells_of(content: bytes) -> set[object]:
    book = openpyxl.load_workbook(io.BytesIO(content))
    return {
        cell for sheet in book.worksheets for row in sheet.iter_rows(values_only=True)
        for cell in row
    }  # fmt: skip


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", {"Was never placed", "Result"}), ("zh-hans", {"Was never placed"})],
)
def test_workbook_is_sent_with_the_explanations_that_there_are(
    db: None, stage: ReportStage, language: str, words: set[str]
) -> None:
    response = get(stage, language=language)

    number = stage.report.reconciliation_no
    assert response.status_code == 200
    assert response["Content-Type"] == MEDIA_TYPES["xlsx"]
    assert response["Content-Length"] == str(len(response.whole))
    assert response["Content-Disposition"] == (
        f'attachment; filename="reconciliation-{number}-{language}.xlsx"'
    )
    assert response["X-Content-Type-Options"] == "nosniff"
    assert {"M-1", "M-9", *words} <= cells_of(response.whole)


def test_nobody_of_our_staff_is_named_to_merchants(db: None, stage: ReportStage) -> None:
    cells = cells_of(get(stage, language="en").whole)

    assert stage.report.rows.filter(resolved_by="clerk").count() == 1
    assert {"Explanation", "Explained at", "Was never placed"} <= cells
    assert not {"Explained by", "clerk"} & cells


def test_language_is_that_of_the_caller_when_none_is_named(db: None, stage: ReportStage) -> None:
    response = get(stage, headers={"Accept-Language": "en"})

    assert response["Content-Disposition"].endswith('-en.xlsx"')


def test_head_sends_nothing(db: None, stage: ReportStage) -> None:
    api = stage.merchant.api
    path = f"{PREFIX}/reconciliations/{stage.report.reconciliation_no}/file"

    response = read_whole(api.client.head(path, headers=api.headers))

    assert (response.status_code, response.whole) == (200, b"")
    assert int(response["Content-Length"]) > 1000


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        ({"language": "fr"}, (422, "field_invalid", [("?language", "field_invalid")])),
        ({"format": "xlsx"}, (400, "filter_not_allowed", [("?format", "filter_not_allowed")])),
    ],
)
def test_refused_when_a_parameter_cannot_be_read(
    db: None, stage: ReportStage, parameters: dict[str, str], refusal: Any
) -> None:
    assert refused(get(stage, **parameters)) == refusal


@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/csv"])
def test_refused_when_no_workbook_is_accepted(db: None, stage: ReportStage, accept: str) -> None:
    assert refused(get(stage, headers={"Accept": accept}))[:2] == (406, "not_acceptable")


@pytest.mark.parametrize("name", ["waiting", "failed"])
def test_refused_when_there_is_no_report(db: None, stage: ReportStage, name: str) -> None:
    report = getattr(stage, name)

    response = stage.merchant.api.get(f"/reconciliations/{report.reconciliation_no}/file")

    assert refused(response)[:2] == (409, "reconciliation_not_ready")


def test_file_of_another_merchant_is_as_if_it_were_missing(db: None, stage: ReportStage) -> None:
    theirs = stage.stranger.api.get(f"/reconciliations/{stage.report.reconciliation_no}/file")
    missing = stage.stranger.api.get(f"/reconciliations/{MISSING}/file")

    assert theirs.status_code == 404
    assert {**theirs.json(), "request_id": ""} == {**missing.json(), "request_id": ""}


def test_refused_when_the_key_opens_other_things_only(db: None, stage: ReportStage) -> None:
    api = stage.merchant.api_with("statements:write")

    response = api.get(f"/reconciliations/{stage.report.reconciliation_no}/file")

    assert refused(response)[:2] == (403, "scope_missing")


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().get(f"/reconciliations/{MISSING}/file").json()["code"] == "key_missing"
