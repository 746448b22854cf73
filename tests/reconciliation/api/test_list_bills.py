from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from reconciliation.models import Bill
from reconciliation.states import BillStatus
from tests.cast import Merchant
from tests.reconciliation.api.rows import READY_AT, add_bill, all_pages, count_statements


@pytest.fixture
def bills(merchant: Merchant, stranger: Merchant) -> list[Bill]:
    """Paid for January, overdue for February, open for March; a stranger has one, too."""
    add_bill(stranger.partner, "2026-02", "1.00")
    paid = {"status": BillStatus.PAID, "paid_amount": Decimal("10.00"), "paid_at": READY_AT}
    return [
        add_bill(merchant.partner, "2026-01", "10.00", **paid),
        add_bill(merchant.partner, "2026-02", "20.00", status=BillStatus.OVERDUE),
        add_bill(merchant.partner, "2026-03", "30.00"),
    ]


def amounts(body: dict[str, Any]) -> list[str]:
    return [bill["amount"] for bill in body["results"]]


def test_newest_bill_comes_first_as_it_is_by_itself(bills: list[Bill], merchant: Merchant) -> None:
    body = merchant.api.get("/bills").json()

    assert (amounts(body), body["next"]) == (["30.00", "20.00", "10.00"], None)
    assert body["results"][0] == merchant.api.get(f"/bills/{bills[2].bill_no}").json()


@pytest.mark.parametrize(
    ("status", "found"), [("open", ["30.00"]), ("overdue", ["20.00"]), ("paid", ["10.00"])]
)
def test_bills_are_filtered_by_status(
    bills: list[Bill], merchant: Merchant, status: str, found: list[str]
) -> None:
    assert amounts(merchant.api.get("/bills", status=status).json()) == found


def test_pages_follow_each_other(bills: list[Bill], merchant: Merchant) -> None:
    pages = all_pages(merchant, "/bills", limit=2)

    assert [amounts(page) for page in pages] == [["30.00", "20.00"], ["10.00"]]


def test_list_is_empty_when_nothing_was_ever_bought_on_credit(merchant: Merchant) -> None:
    assert merchant.api.get("/bills").json() == {"results": [], "next": None}


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"status": "unpaid"}, 422, "field_invalid"),
        ({"due_on": "2026-03-16"}, 400, "filter_not_allowed"),
        ({"limit": "0"}, 422, "field_invalid"),
        ({"cursor": "WzFd"}, 400, "cursor_invalid"),
    ],
)
def test_refused_when_a_parameter_cannot_be_read(
    merchant: Merchant, parameters: dict[str, str], status: int, code: str
) -> None:
    response = merchant.api.get("/bills", **parameters)

    assert (response.status_code, response.json()["code"]) == (status, code)


def test_one_statement_is_sent_however_many_bills_there_are(
    bills: list[Bill], merchant: Merchant
) -> None:
    assert count_statements(merchant, "/bills", limit=1) == 1
    assert count_statements(merchant, "/bills") == 1
