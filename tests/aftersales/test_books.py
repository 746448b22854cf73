"""Refunds of claims in the books of accounts, and in the timelines of orders."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from aftersales.models import ClaimLine
from aftersales.services.deciding import ApprovedLine
from aftersales.services.inspecting import InspectedLine, inspect_return
from aftersales.services.receiving import receive_return
from openplatform.core import clock
from tests.accounts.damaging import (  # noqa: F401 - fixtures
    books_db,
    damage,
    find_differences,
    repeatable_read,
)
from tests.aftersales.acts import OPERATOR, file, file_for_return, paid_part, shipped_part
from tests.aftersales.deciding import approve, goods, reject  # noqa: F401 - goods is a fixture
from tests.cast import Merchant
from tests.orders.changing import close, split_off


def inspect(document: Any, accepted: int) -> None:
    """All came back, so many of line 1 are accepted."""
    number, now = document["aftersale_no"], clock.now()
    receive_return(aftersale_no=number, quantities=None, by=OPERATOR, now=now)
    inspect_return(
        aftersale_no=number,
        lines={1: InspectedLine(accepted, accepted, ClaimLine.Inspection.DAMAGED)},
        note="Looked at.",
        picture_ids=[],
        freight_amount=None,
        by=OPERATOR,
        now=now,
    )


@pytest.mark.usefixtures("books_db", "goods")
def test_books_agree_when_claims_are_refunded_rejected_and_open(merchant: Merchant) -> None:
    part = paid_part(merchant, items=[("A", 4), ("B", 2)])
    approve(file(merchant, part, {1: 1}))
    reject(file(merchant, part, {1: 1}, merchant_aftersale_no="R-2"))
    file(merchant, part, {2: 1}, merchant_aftersale_no="R-3")
    back = file_for_return(
        merchant, shipped_part(merchant, "M-2", items=[("A", 3)]), {1: 3},
        merchant_aftersale_no="R-4",
    )  # fmt: skip
    approve(back)
    inspect(back, 2)

    assert find_differences() == []


@pytest.mark.usefixtures("books_db", "goods")
def test_difference_is_found_when_claim_and_ledger_are_not_the_same(merchant: Merchant) -> None:
    parts = [paid_part(merchant, f"M-{number}") for number in range(3)]
    numbers = [
        approve(file(merchant, part, merchant_aftersale_no=f"R-{part}")).aftersale_no
        for part in parts
    ]

    damage(
        "UPDATE aftersales_claim SET goods_refund_amount = 9.99, refund_amount = 9.99"
        " WHERE aftersale_no = %s",
        [numbers[0]],
    )
    damage("UPDATE aftersales_claim SET status = 'cancelled' WHERE aftersale_no = %s", [numbers[1]])
    damage(
        "UPDATE accounts_ledgerentry SET document = 'closure' WHERE document_no = %s", [numbers[2]]
    )

    assert sorted(find_differences()) == sorted(
        [
            ("entry_amount", "acme", f"aftersale {numbers[0]}", "9.99", "10.00"),
            ("entry_without_document", "acme", f"aftersale {numbers[1]}", None, "refund 10.00"),
            ("document_without_entry", "acme", f"aftersale {numbers[2]}", "refund 10.00", None),
            ("entry_without_document", "acme", f"closure {numbers[2]}", None, "refund 10.00"),
        ]
    )


def shares_of(entry: Any) -> list[tuple[str, str | None, int | None, str]]:
    return [
        (share["order_no"][-2:], share["line_no"], share["quantity"], share["amount"])
        for share in entry["shares"]
    ]


@pytest.mark.usefixtures("goods")
def test_timeline_tells_lines_and_freight_of_each_refund(merchant: Merchant) -> None:
    part = paid_part(merchant, items=[("A", 3), ("B", 2)])
    order_no = part.removesuffix("-1")
    first = approve(
        file(merchant, part, {1: 2, 2: 1}),
        {1: ApprovedLine(2, Decimal("15.00"))},
        note="The other one is on its way.",
    )
    split_off(part, {2: 2}, to="north")
    close(f"{order_no}-2")
    last = approve(file(merchant, part, {1: 1}, merchant_aftersale_no="R-2"))

    timeline = merchant.api.get(f"/orders/{order_no}/timeline").json()
    of_part = merchant.api.get(f"/orders/{part}/timeline").json()

    assert [
        (entry["kind"], entry["amount"], entry["net_after"]) for entry in timeline["entries"]
    ] == [
        ("held", "84.00", "0.00"),
        ("paid", "84.00", "84.00"),
        ("refunded", "15.00", "69.00"),
        ("split", "0.00", "69.00"),
        ("refunded", "51.20", "17.80"),
        ("refunded", "12.80", "5.00"),
    ]
    refunds = [entry for entry in timeline["entries"] if entry["kind"] == "refunded"]
    assert [entry["document_no"] for entry in refunds[::2]] == [
        first.aftersale_no, last.aftersale_no
    ]  # fmt: skip
    assert shares_of(refunds[0]) == [("-1", "1", 2, "15.00")]
    assert shares_of(refunds[2]) == [("-1", "1", 1, "10.00"), ("-1", None, None, "2.80")]
    assert of_part["refunded_amount"] == "27.80"
    assert of_part["net_amount"] == "5.00"  # what was kept of the first two


@pytest.mark.usefixtures("goods")
def test_timeline_tells_what_was_accepted_when_goods_came_back(merchant: Merchant) -> None:
    part = shipped_part(merchant, items=[("A", 3)])
    back = file_for_return(merchant, part, {1: 3})
    approve(back, freight="2.00")
    inspect(back, 2)

    timeline = merchant.api.get(f"/orders/{part}/timeline").json()

    last = timeline["entries"][-1]
    assert (last["kind"], last["amount"]) == ("refunded", "22.00")
    assert shares_of(last) == [("-1", "1", 2, "20.00"), ("-1", None, None, "2.00")]


@pytest.mark.usefixtures("goods")
def test_ledger_entry_names_the_claim(merchant: Merchant) -> None:
    part = paid_part(merchant)
    number = approve(file(merchant, part), note="Sorry.").aftersale_no

    [entry] = merchant.api.get("/account/entries", kind="refund").json()["results"]

    assert (entry["amount"], entry["aftersale_no"], entry["suborder_no"], entry["note"]) == (
        "10.00", number, part, "Sorry."
    )  # fmt: skip
