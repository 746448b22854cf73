from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation

from accounts.models import ApiKey, TopUp, Wallet
from accounts.services.top_ups import enter_top_up
from openplatform.approvals.models import Approval
from openplatform.approvals.services.deciding import approve, reject
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from tests.accounts.money_moves import make_staff
from tests.accounts.pictures import make_png
from tests.cast import Api, Merchant

BODY = {"amount": "500.00", "reference": "ICBC-2026-1", "paid_at": "2026-03-01T10:00:00+08:00"}


def decide(approves: bool) -> None:
    approval = Approval.objects.get(status="pending")
    decider = make_staff("decider")
    if approves:
        approve(approval_id=approval.pk, user=decider, values={}, now=clock.now())
    else:
        reject(approval_id=approval.pk, user=decider, reason="not found", now=clock.now())


def test_top_up_waits_when_it_is_reported(merchant: Merchant) -> None:
    response = merchant.api.post("/account/top-ups", BODY)

    body = response.json()
    top_up = TopUp.objects.get(reference="ICBC-2026-1")
    approval = Approval.objects.get()
    assert response.status_code == 201
    assert body == {
        "top_up_no": top_up.top_up_no,
        "status": "pending",
        "currency": "CNY",
        "amount": "500.00",
        "approved_amount": None,
        "reference": "ICBC-2026-1",
        "paid_at": "2026-03-01T10:00:00+08:00",
        "proof_id": None,
        "reject_reason": None,
        "created_at": clock.to_text(top_up.created_at),
        "decided_at": None,
    }
    assert (approval.kind, approval.requested_by, approval.requester) == ("top_up", None, "acme")
    assert Wallet.objects.get().balance == 10000
    trail = AuditEntry.objects.get(action="report_top_up")
    assert trail.actor == f"key:{ApiKey.objects.get().prefix}"
    assert trail.after == {"amount": "500.00", "reference": "ICBC-2026-1", "status": "pending"}
    assert trail.request_id == response["X-Request-Id"]


def test_balance_rises_when_finance_approves(merchant: Merchant) -> None:
    number = merchant.api.post("/account/top-ups", BODY).json()["top_up_no"]

    decide(approves=True)

    body = merchant.api.get(f"/account/top-ups/{number}").json()
    assert (body["status"], body["approved_amount"]) == ("approved", "500.00")
    assert merchant.api.get("/account").json()["balance"] == "10500.00"


def test_proof_is_kept_with_its_top_up(merchant: Merchant) -> None:
    proof = merchant.api.upload("/account/top-ups/proofs", make_png()).json()["proof_id"]

    body = merchant.api.post("/account/top-ups", {**BODY, "proof_id": proof}).json()

    assert body["proof_id"] == proof
    assert TopUp.objects.filter(proof__proof_id=proof, top_up_no=body["top_up_no"]).exists()


def test_answer_is_the_top_up_as_it_is_now_when_it_is_reported_again(merchant: Merchant) -> None:
    first = merchant.api.post("/account/top-ups", BODY)
    decide(approves=False)

    second = merchant.api.post("/account/top-ups", BODY)

    assert (second.status_code, second["Idempotent-Replayed"]) == (200, "true")
    assert second.json()["top_up_no"] == first.json()["top_up_no"]
    assert (second.json()["status"], second.json()["reject_reason"]) == ("rejected", "not found")
    assert Approval.objects.count() == 1


def test_first_answer_is_given_when_the_idempotency_key_comes_again(merchant: Merchant) -> None:
    headers = {"Idempotency-Key": "t-1"}
    first = merchant.api.post("/account/top-ups", BODY, headers)

    second = merchant.api.post("/account/top-ups", BODY, headers)
    third = merchant.api.post("/account/top-ups", {**BODY, "amount": "1.00"}, headers)

    assert (second.status_code, second.json()) == (201, first.json())
    assert (third.status_code, third.json()["code"]) == (422, "idempotency_key_reused")
    assert Approval.objects.count() == 1


def test_report_is_the_top_up_that_finance_entered_first(merchant: Merchant) -> None:
    entered = enter_top_up(
        partner_code="acme",
        amount=Decimal("500.00"),
        reference="ICBC-2026-1",
        paid_at=None,
        note="",
        user=make_staff("clerk"),
        now=clock.now(),
    )

    response = merchant.api.post("/account/top-ups", BODY)

    assert (response.status_code, response.json()["top_up_no"]) == (200, entered.top_up_no)
    assert Approval.objects.count() == 1


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_faults_of_fields_come_in_the_language_asked_for(merchant: Merchant, language: str) -> None:
    with translation.override("zh-hans" if language == "en" else "en"):  # an earlier page's
        response = merchant.api.post(
            "/account/top-ups", {**BODY, "amount": "x"}, {"Accept-Language": language}
        )

    expected = {"en": "This value is not valid", "zh-hans": "该值无效"}[language]
    assert response.json()["errors"][0]["detail"] == expected


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "500.01"},
        {"paid_at": "2026-03-01T10:00:01+08:00"},
    ],
)
def test_refused_when_the_reference_stands_for_another_transfer(
    merchant: Merchant, change: dict[str, str]
) -> None:
    number = merchant.api.post("/account/top-ups", BODY).json()["top_up_no"]

    response = merchant.api.post("/account/top-ups", {**BODY, **change})

    fault = response.json()["errors"][0]
    assert (response.status_code, response.json()["code"]) == (409, "reference_conflict")
    assert (fault["pointer"], fault["top_up_no"]) == ("/reference", number)
    assert TopUp.objects.filter(reference="ICBC-2026-1").count() == 1


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"amount": None}, "field_required", "/amount"),
        ({"amount": 500}, "field_invalid", "/amount"),
        ({"amount": "0.00"}, "field_invalid", "/amount"),
        ({"amount": "-1.00"}, "field_invalid", "/amount"),
        ({"amount": "1.005"}, "field_invalid", "/amount"),
        ({"amount": "１.00"}, "field_invalid", "/amount"),
        ({"reference": ""}, "field_required", "/reference"),
        ({"reference": "a b"}, "string_invalid", "/reference"),
        ({"reference": "x" * 65}, "string_invalid", "/reference"),
        ({"paid_at": "2026-03-01"}, "field_invalid", "/paid_at"),
        ({"paid_at": "2026-03-01T10:00:00"}, "field_invalid", "/paid_at"),
        ({"paid_at": "0001-01-01T00:00:00+08:00"}, "field_invalid", "/paid_at"),
        ({"paid_at": "9999-12-31T23:59:59-08:00"}, "field_invalid", "/paid_at"),
        ({"paid_at": 5}, "field_invalid", "/paid_at"),
        ({"proof_id": "P-unknown"}, "field_invalid", "/proof_id"),
        ({"status": "approved"}, "unknown_field", "/status"),
    ],
)
def test_refused_when_a_field_is_wrong(
    merchant: Merchant, change: dict[str, Any], code: str, pointer: str
) -> None:
    response = merchant.api.post("/account/top-ups", {**BODY, **change})

    assert response.status_code == 422
    assert [(fault["code"], fault["pointer"]) for fault in response.json()["errors"]] == [
        (code, pointer)
    ]
    assert not Approval.objects.exists()


def test_refused_when_the_proof_belongs_to_another_top_up_or_merchant(
    merchant: Merchant, stranger: Merchant
) -> None:
    theirs = stranger.api.upload("/account/top-ups/proofs", make_png()).json()["proof_id"]
    used = merchant.api.upload("/account/top-ups/proofs", make_png()).json()["proof_id"]
    merchant.api.post("/account/top-ups", {**BODY, "proof_id": used})

    for proof in (theirs, used):
        response = merchant.api.post(
            "/account/top-ups", {**BODY, "reference": "another", "proof_id": proof}
        )
        assert (response.status_code, response.json()["code"]) == (422, "field_invalid")

    assert not TopUp.objects.filter(reference="another").exists()


def test_refused_when_the_key_only_reads(merchant: Merchant) -> None:
    response = merchant.api_with("account:read").post("/account/top-ups", BODY)

    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
    assert not Approval.objects.exists()


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().post("/account/top-ups", BODY).json()["code"] == "key_missing"
