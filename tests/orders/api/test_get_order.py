"""GET /orders/{order_no}."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cast import CONSIGNEE, Api, Merchant, World
from tests.orders.acts import pay, place, ship


def without_request_id(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "request_id"}


def test_order_is_shown_whole_by_its_own_number(shop: World, merchant: Merchant) -> None:
    shop.make_sku("N", price="10.00", north=5)
    shop.make_sku("S", price="20.00", south=5)
    paid = pay(merchant, items=[("N", 2), ("S", 1)], remark="请放门口", purchase_order_no="PO-7")
    shipment = ship(f"{paid['order_no']}-1", {1: 1})

    response = merchant.api.get(f"/orders/{paid['order_no']}")

    body = response.json()
    first, second = paid["suborders"]
    assert response.status_code == 200
    assert body == {
        **paid,
        "status": "partly_shipped",
        "updated_at": body["updated_at"],
        "version": 4,
        "suborders": [
            {
                **first,
                "status": "partly_shipped",
                "lines": [{**first["lines"][0], "shipped_quantity": 1}],
                "shipments": [
                    {
                        "shipment_no": shipment.shipment_no,
                        "carrier": {"code": "sf", "name": "顺丰速运"},
                        "waybill_no": "SF-1",
                        "status": "pending",
                        "shipped_at": body["updated_at"],
                        "delivered_at": None,
                        "lines": [{"line_no": "1", "sku": "N", "quantity": 1}],
                    }
                ],
            },
            second,
        ],
    }
    assert body["updated_at"] > paid["updated_at"]


def test_part_is_shown_by_its_own_number(shop: World, merchant: Merchant) -> None:
    shop.make_sku("N", price="10.00", north=5)
    shop.make_sku("S", price="20.00", south=5)
    paid = pay(
        merchant,
        items=[("N", 2), ("S", 3)],
        remark="请放门口",
        purchase_order_no="PO-7",
        metadata={"channel": "app"},
    )

    response = merchant.api.get(f"/orders/{paid['order_no']}-2")

    assert response.status_code == 200
    assert response.json() == {
        "order_no": f"{paid['order_no']}-2",
        "parent_order_no": paid["order_no"],
        "split_from": None,
        "status": "awaiting_shipment",
        "goods_amount": "60.00",
        "freight_amount": "10.00",
        "total_amount": "70.00",
        "refunded_amount": "0.00",
        "shipped_at": None,
        "delivered_at": None,
        "completed_at": None,
        "lines": [
            {
                "line_no": "2",
                "origin_line_no": None,
                "sku": "S",
                "name": "商品 S",
                "quantity": 3,
                "shipped_quantity": 0,
                "refunded_quantity": 0,
                "purchase_price": "20.00",
                "market_price": "40.00",
                "sale_price": "20.00",
                "tax_rate": "0.13",
                "amount": "60.00",
                "refunded_amount": "0.00",
            }
        ],
        "shipments": [],
        "merchant_order_no": "M-1",
        "currency": "CNY",
        "remark": "请放门口",
        "purchase_order_no": "PO-7",
        "metadata": {"channel": "app"},
        "created_at": paid["created_at"],
        "updated_at": paid["updated_at"],
        "paid_at": paid["paid_at"],
        "consignee": {**CONSIGNEE, "region_confidence": None},
        "version": 2,
    }


@pytest.mark.parametrize("suffix", ["", "-1"])
def test_order_of_another_merchant_answers_as_a_missing_one(
    shop: World, merchant: Merchant, stranger: Merchant, suffix: str
) -> None:
    shop.make_sku("A", north=5)
    order_no = place(merchant)["order_no"]

    theirs = stranger.api.get(f"/orders/{order_no}{suffix}")
    missing = stranger.api.get(f"/orders/260101AAAAAAAAAA{suffix}")

    assert (theirs.status_code, missing.status_code) == (404, 404)
    assert without_request_id(theirs.json()) == without_request_id(missing.json())
    assert theirs.json()["code"] == "not_found"
    assert order_no not in theirs.content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "/orders/１",
        "/orders/%EF%BC%91",
        "/orders/%00",
        "/orders/%0A",
        "/orders/../",
        "/orders/..%2F..%2Fadmin",
        "/orders/",
        "/orders/lower-case",
        "/orders/A'OR'1'='1",
        f"/orders/{'A' * 25}",
        "/orders/M-1",
    ],
)
def test_number_that_is_none_of_ours_is_not_found(
    shop: World, merchant: Merchant, path: str
) -> None:
    shop.make_sku("A", north=5)
    place(merchant, "M-1")

    response = merchant.api.get(path)

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert response.headers["Content-Type"].startswith("application/problem+json")


def test_unknown_parameter_is_refused(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    order_no = place(merchant)["order_no"]

    response = merchant.api.get(f"/orders/{order_no}", expand="lines")

    assert (response.status_code, response.json()["code"]) == (400, "filter_not_allowed")


def test_refused_without_a_key_or_scope(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    order_no = place(merchant)["order_no"]

    answers = [api.get(f"/orders/{order_no}") for api in (Api(), merchant.api_with("orders:write"))]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (401, "key_missing"),
        (403, "scope_missing"),
    ]


def test_order_of_many_lines_takes_one_query(
    shop: World, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    for number in range(20):
        shop.make_sku(f"S{number}", north=1)
    order_no = place(merchant, items=[(f"S{n}", 1) for n in range(20)])["order_no"]

    with django_assert_num_queries(2):  # the limits, and the order
        merchant.api.get(f"/orders/{order_no}")
