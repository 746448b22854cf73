from __future__ import annotations

from decimal import Decimal

import pytest

from openplatform.core import clock
from reconciliation.states import BillStatus
from tests.cast import Api, Merchant
from tests.reconciliation.api.rows import READY_AT, add_bill


def test_whole_bill_is_shown_when_a_part_of_it_is_paid(merchant: Merchant) -> None:
    bill = add_bill(
        merchant.partner,
        "2026-02",
        "3820.00",
        status=BillStatus.OVERDUE,
        paid_amount=Decimal("1000.50"),
        overdue_at=READY_AT,
        version=3,
    )

    response = merchant.api.get(f"/bills/{bill.bill_no}")

    assert response.status_code == 200
    assert response.json() == {
        "bill_no": bill.bill_no,
        "currency": "CNY",
        "period_start": "2026-02-01",
        "period_end": "2026-02-28",
        "statement_no": bill.statement.statement_no,
        "status": "overdue",
        "amount": "3820.00",
        "paid_amount": "1000.50",
        "outstanding_amount": "2819.50",
        "due_on": "2026-03-16",
        "issued_at": clock.to_text(READY_AT),
        "overdue_at": clock.to_text(READY_AT),
        "paid_at": None,
        "version": 3,
    }


def test_bill_of_another_merchant_is_as_if_it_were_missing(
    merchant: Merchant, stranger: Merchant
) -> None:
    bill = add_bill(merchant.partner, "2026-02", "3820.00")

    theirs = stranger.api.get(f"/bills/{bill.bill_no}")
    missing = stranger.api.get("/bills/B260301D8X2J6FQK0W")

    assert theirs.status_code == 404
    assert {**theirs.json(), "request_id": ""} == {**missing.json(), "request_id": ""}


@pytest.mark.parametrize("number", ["..", "../accounts", "１", "%00", "b260301", "B" * 25])
def test_there_is_nothing_when_the_path_is_no_number(merchant: Merchant, number: str) -> None:
    response = merchant.api.get(f"/bills/{number}")

    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_parameters_are_refused(merchant: Merchant) -> None:
    bill = add_bill(merchant.partner, "2026-02", "3820.00")

    response = merchant.api.get(f"/bills/{bill.bill_no}", expand="payments")

    assert (response.status_code, response.json()["code"]) == (400, "filter_not_allowed")


def test_refused_when_the_key_opens_other_things_only(merchant: Merchant) -> None:
    bill = add_bill(merchant.partner, "2026-02", "3820.00")

    response = merchant.api_with("invoices:read").get(f"/bills/{bill.bill_no}")

    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().get("/bills/B260301D8X2J6FQK0W").json()["code"] == "key_missing"
