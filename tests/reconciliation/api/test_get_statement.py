from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.test import Client
from pytest_django import DjangoDbBlocker

from openplatform.core import clock
from reconciliation.states import PaperStatus
from tests.aftersales.api.reading import refused
from tests.cast import Api, Merchant
from tests.reconciliation.api.rows import add_statement, read_whole
from tests.reconciliation.api.statements import MISSING, StatementStage, make_february
from tests.staging import on_stage


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[StatementStage]:
    with on_stage(django_db_blocker):
        yield make_february()


@pytest.fixture
def merchant(stage: StatementStage, db: None) -> Merchant:
    return stage.merchant


def shown(stage: StatementStage) -> dict[str, Any]:
    response = stage.merchant.api.get(f"/statements/{stage.statement.statement_no}")
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


def test_whole_statement_is_shown_when_it_is_ready(db: None, stage: StatementStage) -> None:
    body = shown(stage)

    assert body == {
        "statement_no": stage.statement.statement_no,
        "currency": "CNY",
        "period_start": "2026-02-01",
        "period_end": "2026-02-28",
        "kind": "month",
        "status": "ready",
        "opening": {"balance": "10000.00", "held_amount": "0.00", "credit_limit": "0.00"},
        "closing": {"balance": "9972.00", "held_amount": "18.00", "credit_limit": "0.00"},
        "totals": {
            "top_up": "0.00",
            "order_payment": "-28.00",
            "refund": "0.00",
            "adjustment": "0.00",
            "withdrawal": "0.00",
        },
        "entry_count": 1,
        "files": body["files"],
        "created_at": clock.to_text(stage.statement.created_at),
        "ready_at": clock.to_text(stage.statement.ready_at),
    }
    assert [(file["language"], file["format"]) for file in body["files"]] == [
        ("en", "csv"),
        ("en", "pdf"),
        ("en", "xlsx"),
        ("zh-hans", "csv"),
        ("zh-hans", "pdf"),
        ("zh-hans", "xlsx"),
    ]


def test_link_opens_each_file_without_a_key_until_its_time_is_over(
    db: None, stage: StatementStage
) -> None:
    files = shown(stage)["files"]

    for file in files:
        answer = read_whole(Client().get(urlsplit(file["url"]).path))
        assert (answer.status_code, len(answer.whole)) == (200, file["size_bytes"])
        name = f"statement-acme-2026-02-01-2026-02-28-{file['language']}.{file['format']}"
        assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    expires_at = clock.from_text(files[0]["expires_at"])
    assert expires_at is not None
    with time_machine.travel(expires_at, tick=False):
        assert Client().get(urlsplit(files[0]["url"]).path).status_code == 410


@pytest.mark.parametrize("status", [PaperStatus.PREPARING, PaperStatus.FAILED])
def test_nothing_is_told_of_its_sums_when_it_is_not_ready(
    merchant: Merchant, status: PaperStatus
) -> None:
    waiting = add_statement(merchant.partner, "2026-03-01", "2026-03-31", status=status)

    body = merchant.api.get(f"/statements/{waiting.statement_no}").json()

    assert (body["status"], body["files"]) == (status, [])
    names = ("opening", "closing", "totals", "entry_count", "ready_at")
    assert {body[name] for name in names} == {None}


def test_statement_of_another_merchant_is_as_if_it_were_missing(
    db: None, stage: StatementStage
) -> None:
    theirs = stage.stranger.api.get(f"/statements/{stage.statement.statement_no}")
    missing = stage.stranger.api.get(f"/statements/{MISSING}")

    assert theirs.status_code == 404
    assert {**theirs.json(), "request_id": ""} == {**missing.json(), "request_id": ""}


@pytest.mark.parametrize(
    "number",
    ["..", "../orders", "..%2F..%2Fetc%2Fpasswd", "１", "%00", "s260303", "S" * 25, "S1%0a"],
)
def test_there_is_nothing_when_the_path_is_no_number(merchant: Merchant, number: str) -> None:
    assert refused(merchant.api.get(f"/statements/{number}"))[:2] == (404, "not_found")


def test_parameters_are_refused(db: None, stage: StatementStage) -> None:
    response = stage.merchant.api.get(f"/statements/{stage.statement.statement_no}", language="en")

    assert refused(response)[:2] == (400, "filter_not_allowed")


def test_refused_when_the_key_opens_other_things_only(db: None, stage: StatementStage) -> None:
    api = stage.merchant.api_with("account:read", "statements:write")

    response = api.get(f"/statements/{stage.statement.statement_no}")

    assert refused(response)[:2] == (403, "scope_missing")


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().get(f"/statements/{MISSING}").json()["code"] == "key_missing"
