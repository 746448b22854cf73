from __future__ import annotations

from tests.cast import Api, Merchant

BODY = {"amount": "5.00", "reference": "one", "paid_at": "2026-03-01T10:00:00+08:00"}


def test_top_up_is_told_as_it_stands(merchant: Merchant) -> None:
    reported = merchant.api.post("/account/top-ups", BODY).json()

    response = merchant.api.get(f"/account/top-ups/{reported['top_up_no']}")

    assert (response.status_code, response.json()) == (200, reported)


def test_missing_when_it_is_of_another_merchant(merchant: Merchant, stranger: Merchant) -> None:
    number = merchant.api.post("/account/top-ups", BODY).json()["top_up_no"]

    theirs = stranger.api.get(f"/account/top-ups/{number}")
    unknown = stranger.api.get("/account/top-ups/T000000XXXXXXXXXX")

    assert theirs.status_code == unknown.status_code == 404
    assert {**theirs.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}


def test_refused_when_the_key_lacks_the_scope(merchant: Merchant) -> None:
    response = merchant.api_with("account:write").get("/account/top-ups/T1")

    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().get("/account/top-ups/T1").json()["code"] == "key_missing"
