"""GET /orders/{order_no}/aftersale-options."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from openplatform.core import clock
from orders.models import Suborder
from tests.aftersales.acts import (
    end_window,
    file,
    paid_part,
    received_part,
    shipped_part,
)
from tests.cast import Api, Merchant, World
from tests.orders.acts import pay, place, ship
from tests.orders.changing import close


def test_options_of_what_was_partly_shipped(store: World, merchant: Merchant) -> None:
    suborder_no = shipped_part(merchant, items=[("A", 5), ("B", 1)], quantities={1: 3})
    file(merchant, suborder_no, {1: 1}, type="return_refund")

    response = merchant.api.get(
        f"/orders/{suborder_no}/aftersale-options", headers={"Accept-Language": "en"}
    )

    assert response.status_code == 200
    assert response.json() == {
        "order_no": suborder_no,
        "currency": "CNY",
        "refundable_freight": "16.00",
        "lines": [
            {
                "line_no": "1",
                "order_no": suborder_no,
                "sku": "A",
                "name": "商品 A",
                "claimable_quantity": 4,
                "returnable_quantity": 2,
                "types": ["refund", "return_refund"],
                "until": None,
                "refundable_amount": "40.00",
            },
            {
                "line_no": "2",
                "order_no": suborder_no,
                "sku": "B",
                "name": "商品 B",
                "claimable_quantity": 1,
                "returnable_quantity": 0,
                "types": ["refund"],
                "until": None,
                "refundable_amount": "25.00",
            },
        ],
        "reasons": [
            {
                "code": "unwanted",
                "name": "Not wanted",
                "types": ["refund", "return_refund"],
                "pictures_required": False,
            },
            {
                "code": "broken",
                "name": "Broken",
                "types": ["refund", "return_refund"],
                "pictures_required": True,
            },
            {
                "code": "late",
                "name": "发货太慢",
                "types": ["refund"],
                "pictures_required": False,
            },
        ],
    }


def test_reasons_are_named_in_chinese_unless_asked_otherwise(
    store: World, merchant: Merchant
) -> None:
    path = f"/orders/{paid_part(merchant)}/aftersale-options"

    answers = [merchant.api.get(path), merchant.api.get(path, headers={"Accept-Language": "zh"})]

    assert [answer.json()["reasons"][0]["name"] for answer in answers] == ["不想要了"] * 2


def test_parent_number_tells_the_lines_of_all_suborders(store: World, merchant: Merchant) -> None:
    store.make_sku("S", price="7.00", south=5)
    order = pay(merchant, items=[("A", 1), ("S", 2)])

    body = merchant.api.get(f"/orders/{order['order_no']}/aftersale-options").json()

    assert [(line["line_no"], line["order_no"], line["sku"]) for line in body["lines"]] == [
        (line["line_no"], part["order_no"], line["sku"])
        for part in order["suborders"]
        for line in part["lines"]
    ]
    assert body["refundable_freight"] == order["freight_amount"]


def test_claims_end_some_days_after_receipt(store: World, merchant: Merchant) -> None:
    suborder_no = received_part(merchant)

    [line] = merchant.api.get(f"/orders/{suborder_no}/aftersale-options").json()["lines"]

    completed_at = Suborder.objects.get().completed_at
    until = clock.from_text(line["until"])
    assert completed_at is not None and until is not None  # noqa: PT018 - for mypy
    assert (until - completed_at).days == 15
    assert (line["claimable_quantity"], line["types"]) == (2, ["refund", "return_refund"])


def test_nothing_can_be_claimed_once_the_window_is_closed(store: World, merchant: Merchant) -> None:
    suborder_no = received_part(merchant)
    end_window(suborder_no)

    body = merchant.api.get(f"/orders/{suborder_no}/aftersale-options").json()

    [line] = body["lines"]
    assert (line["claimable_quantity"], line["returnable_quantity"], line["types"]) == (0, 0, [])
    assert (line["refundable_amount"], body["refundable_freight"]) == ("0.00", "0.00")
    assert line["until"] < clock.to_text(clock.now())


@pytest.mark.parametrize("end", ["pending", "cancelled", "closed"])
def test_nothing_can_be_claimed_of_what_is_unpaid_or_closed(
    store: World, merchant: Merchant, end: str
) -> None:
    if end == "closed":
        suborder_no = paid_part(merchant)
        close(suborder_no)
    else:
        suborder_no = place(merchant)["suborders"][0]["order_no"]
    if end == "cancelled":
        merchant.api.post(f"/orders/{suborder_no.removesuffix('-1')}/cancel")

    body = merchant.api.get(f"/orders/{suborder_no}/aftersale-options").json()

    [line] = body["lines"]
    assert (line["claimable_quantity"], line["types"]) == (0, [])
    assert (line["refundable_amount"], body["refundable_freight"]) == ("0.00", "0.00")


def test_all_that_the_options_offer_can_be_claimed(store: World, merchant: Merchant) -> None:
    suborder_no = paid_part(merchant, items=[("A", 5), ("B", 2)])
    close(suborder_no, {1: 1})
    ship(suborder_no, {1: 2})
    [first, second] = merchant.api.get(f"/orders/{suborder_no}/aftersale-options").json()["lines"]

    claim = file(
        merchant, suborder_no, {1: first["claimable_quantity"], 2: second["claimable_quantity"]}
    )

    assert [item["refund_amount"] for item in claim["items"]] == [
        first["refundable_amount"], second["refundable_amount"]
    ]  # fmt: skip
    [first, second] = merchant.api.get(f"/orders/{suborder_no}/aftersale-options").json()["lines"]
    assert (first["types"], second["types"]) == ([], [])


def test_order_of_another_merchant_is_as_if_it_did_not_exist(
    store: World, merchant: Merchant, stranger: Merchant
) -> None:
    suborder_no = paid_part(merchant)

    answers = [
        stranger.api.get(f"/orders/{number}/aftersale-options")
        for number in (suborder_no, suborder_no.removesuffix("-1"), "2601010000000000")
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (404, "not_found")
    ] * 3


def test_options_without_a_key_or_with_another_scope_are_refused(
    store: World, merchant: Merchant
) -> None:
    path = f"/orders/{paid_part(merchant)}/aftersale-options"

    assert Api().get(path).status_code == 401
    assert merchant.api_with("orders:read", "aftersales:write").get(path).status_code == 403
    assert merchant.api.get(path, expand="1").json()["code"] == "filter_not_allowed"


def test_statements_stay_the_same_whatever_the_size(store: World, merchant: Merchant) -> None:
    small, large = (
        paid_part(merchant, "M-1", [("A", 1)]),
        paid_part(merchant, "M-2", [("A", 1), ("B", 1)]),
    )
    merchant.api.get(f"/orders/{small}/aftersale-options")
    with CaptureQueriesContext(connection) as few:
        merchant.api.get(f"/orders/{small}/aftersale-options")

    with CaptureQueriesContext(connection) as many:
        merchant.api.get(f"/orders/{large}/aftersale-options")

    assert len(few) == len(many)
