from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.messaging.models import Outbox
from reconciliation.models import Statement, StatementFile
from reconciliation.services.making import make_due_statement
from reconciliation.states import PaperStatus
from tests.aftersales.api.reading import refused
from tests.cast import Api, Merchant
from tests.reconciliation.api.rows import add_statement
from tests.reconciliation.api.statements import StatementStage, make_february
from tests.staging import on_stage

MARCH = {"period_start": "2026-03-01", "period_end": "2026-03-31"}
AT_ONCE = 100


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[StatementStage]:
    with on_stage(django_db_blocker):
        yield make_february()


@pytest.fixture
def merchant(stage: StatementStage, db: None) -> Merchant:
    return stage.merchant


def today() -> date:
    """By the platform's calendar."""
    return clock.now().astimezone(clock.PLATFORM_ZONE).date()


def days(first: date, last: date) -> dict[str, str]:
    return {"period_start": first.isoformat(), "period_end": last.isoformat()}


def of_march(merchant: Merchant) -> list[Statement]:
    return list(Statement.objects.filter(partner=merchant.partner, period_start="2026-03-01"))


def test_statement_is_prepared_when_it_is_asked_for(merchant: Merchant) -> None:
    response = merchant.api.post("/statements", MARCH)

    [kept] = of_march(merchant)
    assert response.status_code == 202
    assert response.json() == {
        "statement_no": kept.statement_no,
        "currency": "CNY",
        **MARCH,
        "kind": "month",
        "status": "preparing",
        "opening": None,
        "closing": None,
        "totals": None,
        "entry_count": None,
        "files": [],
        "created_at": clock.to_text(kept.created_at),
        "ready_at": None,
    }
    assert kept.due_at is not None
    assert kept.requested_by == f"key:{merchant.key[:11]}"
    assert AuditEntry.objects.filter(action="order_statement", subject_id=kept.pk).count() == 1


def test_statement_is_ready_and_told_when_a_worker_has_made_it(merchant: Merchant) -> None:
    number = merchant.api.post("/statements", MARCH).json()["statement_no"]

    assert make_due_statement() == 1

    body = merchant.api.get(f"/statements/{number}").json()
    assert (body["status"], body["entry_count"], len(body["files"])) == ("ready", 0, 6)
    assert body["opening"] == body["closing"]
    assert body["opening"]["balance"] == "9972.00"
    told = Outbox.objects.get(type="statement.ready", subject=f"statement:{number}").data
    without_links = [{**file, "url": None, "expires_at": None} for file in body["files"]]
    assert told == {"statement": {**body, "files": without_links}}


def test_statement_is_the_same_when_the_period_is(
    stage: StatementStage, merchant: Merchant
) -> None:
    again = merchant.api.post(
        "/statements", {"period_start": "2026-02-01", "period_end": "2026-02-28"}
    )

    shown = merchant.api.get(f"/statements/{stage.statement.statement_no}").json()
    assert again.status_code == 202
    assert again.json()["statement_no"] == stage.statement.statement_no
    assert again.json()["status"] == "ready"
    assert [file["sha256"] for file in again.json()["files"]] == [
        file["sha256"] for file in shown["files"]
    ]
    assert StatementFile.objects.count() == 6


def test_statement_is_another_when_the_merchant_is(
    stage: StatementStage, merchant: Merchant
) -> None:
    own = merchant.api.post("/statements", MARCH).json()

    theirs = stage.stranger.api.post("/statements", MARCH).json()

    assert theirs["statement_no"] != own["statement_no"]


def test_statement_is_as_it_is_now_when_it_is_asked_for_again_under_its_key(
    merchant: Merchant,
) -> None:
    headers = {"Idempotency-Key": "s-1"}
    first = merchant.api.post("/statements", MARCH, headers=headers)
    make_due_statement()

    second = merchant.api.post("/statements", MARCH, headers=headers)
    changed = merchant.api.post(
        "/statements", {**MARCH, "period_end": "2026-03-30"}, headers=headers
    )

    assert (second.status_code, second["Idempotent-Replayed"]) == (202, "true")
    assert second.json()["statement_no"] == first.json()["statement_no"]
    assert (second.json()["status"], len(second.json()["files"])) == ("ready", 6)
    assert refused(changed)[:2] == (422, "idempotency_key_reused")
    assert len(of_march(merchant)) == 1


def test_statement_that_failed_is_made_anew_when_it_is_asked_for_again(
    merchant: Merchant,
) -> None:
    failed = add_statement(
        merchant.partner, **dict(zip(("first", "last"), MARCH.values(), strict=True)),
        status=PaperStatus.FAILED, error="books differ", attempts=5,
    )  # fmt: skip

    body = merchant.api.post("/statements", MARCH).json()

    assert (body["statement_no"], body["status"]) == (failed.statement_no, "preparing")
    failed.refresh_from_db()
    assert (failed.error, failed.attempts) == ("", 0)
    assert make_due_statement() == 1
    failed.refresh_from_db()
    assert failed.status == PaperStatus.READY


@pytest.mark.parametrize(
    ("first", "last"), [(1, 1), (366, 1), (0, 0), (1, 0), (0, -1), (-1, -2), (367, 1), (1, 2)]
)
def test_period_is_taken_when_it_is_over_in_order_and_not_too_long(
    merchant: Merchant, first: int, last: int
) -> None:
    """``first`` and ``last`` are days ago."""
    period = days(today() - timedelta(days=first), today() - timedelta(days=last))

    response = merchant.api.post("/statements", period)

    if last <= 0 <= first:
        assert refused(response) == (422, "period_open", [("/period_end", "period_open")])
    elif last <= 0:
        assert refused(response)[:2] == (422, "period_open")
    elif first == 367 or first < last:
        assert refused(response) == (422, "field_invalid", [("/period_end", "field_invalid")])
    else:
        assert response.status_code == 202
    expected = 1 + (response.status_code == 202)
    assert Statement.objects.filter(partner=merchant.partner).count() == expected


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, [("/period_start", "field_required"), ("/period_end", "field_required")]),
        ({**MARCH, "period_end": None}, [("/period_end", "field_required")]),
        ({**MARCH, "period_start": "1999-12-31"}, [("/period_start", "field_invalid")]),
        ({**MARCH, "period_start": "2026-02-29"}, [("/period_start", "field_invalid")]),
        ({**MARCH, "period_start": "20260301"}, [("/period_start", "field_invalid")]),
        ({**MARCH, "period_start": "2026-W09-7"}, [("/period_start", "field_invalid")]),
        ({**MARCH, "period_start": "2026-03-01T00:00:00Z"}, [("/period_start", "field_invalid")]),
        ({**MARCH, "period_start": "２０２６-03-01"}, [("/period_start", "field_invalid")]),
        ({**MARCH, "period_start": " 2026-03-01"}, [("/period_start", "field_invalid")]),
        ({**MARCH, "period_start": 20260301}, [("/period_start", "field_invalid")]),
        ({**MARCH, "period_start": True}, [("/period_start", "field_invalid")]),
        ({**MARCH, "format": "csv"}, [("/format", "unknown_field")]),
        ({**MARCH, "partner": "stranger"}, [("/partner", "unknown_field")]),
        ([], [("", "field_invalid")]),
    ],
)
def test_refused_when_the_form_is_wrong(
    merchant: Merchant, body: Any, faults: list[tuple[str, str]]
) -> None:
    response = merchant.api.post("/statements", body)

    assert refused(response) == (422, faults[0][1], faults)
    assert of_march(merchant) == []


def test_key_can_be_used_again_when_the_request_was_refused(merchant: Merchant) -> None:
    headers = {"Idempotency-Key": "s-1"}
    open_period = days(today(), today())
    assert merchant.api.post("/statements", open_period, headers=headers).status_code == 422

    assert merchant.api.post("/statements", MARCH, headers=headers).status_code == 202


def test_refused_when_a_parameter_is_sent(merchant: Merchant) -> None:
    response = merchant.api.request("POST", "/statements?format=csv", body=MARCH)

    assert refused(response)[:2] == (400, "filter_not_allowed")
    assert of_march(merchant) == []


def test_refused_when_the_key_only_reads(merchant: Merchant) -> None:
    response = merchant.api_with("statements:read").post("/statements", MARCH)

    assert refused(response)[:2] == (403, "scope_missing")
    assert of_march(merchant) == []


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().post("/statements", MARCH).json()["code"] == "key_missing"
