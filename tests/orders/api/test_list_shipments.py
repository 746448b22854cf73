"""GET /orders/{order_no}/shipments."""

from __future__ import annotations

import pytest

from openplatform.core import clock
from tests.cast import Api, Merchant, World
from tests.orders.acts import pay, place, ship


def test_parcels_are_listed_by_part(shop: World, merchant: Merchant) -> None:
    shop.make_sku("N", north=5)
    shop.make_sku("N2", north=5)
    shop.make_sku("S", south=5)
    order_no = pay(merchant, items=[("N", 3), ("N2", 1), ("S", 1)])["order_no"]
    first = ship(f"{order_no}-1", {1: 2}, waybill_no="SF-1")
    second = ship(f"{order_no}-1", waybill_no="SF-2")

    response = merchant.api.get(f"/orders/{order_no}/shipments")

    carrier = {"code": "sf", "name": "顺丰速运"}
    assert response.status_code == 200
    assert response.json() == {
        "results": [
            {
                "order_no": f"{order_no}-1",
                "parent_order_no": order_no,
                "status": "shipped",
                "shipments": [
                    {
                        "shipment_no": first.shipment_no,
                        "carrier": carrier,
                        "waybill_no": "SF-1",
                        "status": "pending",
                        "shipped_at": clock.to_text(first.shipped_at),
                        "delivered_at": None,
                        "lines": [{"line_no": "1", "sku": "N", "quantity": 2}],
                    },
                    {
                        "shipment_no": second.shipment_no,
                        "carrier": carrier,
                        "waybill_no": "SF-2",
                        "status": "pending",
                        "shipped_at": clock.to_text(second.shipped_at),
                        "delivered_at": None,
                        "lines": [
                            {"line_no": "1", "sku": "N", "quantity": 1},
                            {"line_no": "2", "sku": "N2", "quantity": 1},
                        ],
                    },
                ],
            },
            {
                "order_no": f"{order_no}-2",
                "parent_order_no": order_no,
                "status": "awaiting_shipment",
                "shipments": [],
            },
        ]
    }


def test_part_lists_its_own_parcels_only(shop: World, merchant: Merchant) -> None:
    shop.make_sku("N", north=5)
    shop.make_sku("S", south=5)
    order_no = pay(merchant, items=[("N", 1), ("S", 1)])["order_no"]
    ship(f"{order_no}-1", waybill_no="SF-1")
    ship(f"{order_no}-2", waybill_no="SF-2")

    body = merchant.api.get(f"/orders/{order_no}-2/shipments").json()

    [part] = body["results"]
    assert (part["order_no"], part["status"]) == (f"{order_no}-2", "shipped")
    assert [shipment["waybill_no"] for shipment in part["shipments"]] == ["SF-2"]


def test_unpaid_order_has_no_parcels(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    order_no = place(merchant)["order_no"]

    body = merchant.api.get(f"/orders/{order_no}/shipments").json()

    assert body == {
        "results": [
            {
                "order_no": f"{order_no}-1",
                "parent_order_no": order_no,
                "status": "pending_payment",
                "shipments": [],
            }
        ]
    }


@pytest.mark.parametrize("suffix", ["", "-1"])
def test_order_of_another_merchant_answers_as_a_missing_one(
    shop: World, merchant: Merchant, stranger: Merchant, suffix: str
) -> None:
    shop.make_sku("A", north=5)
    order_no = pay(merchant)["order_no"]
    headers = {"X-Request-Id": "the-same-request"}

    theirs, missing = (
        stranger.api.request("GET", f"/orders/{number}{suffix}/shipments", headers=headers)
        for number in (order_no, "260101AAAAAAAAAA")
    )

    assert (theirs.status_code, missing.status_code) == (404, 404)
    assert theirs.content == missing.content


def test_unknown_parameter_is_refused(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    order_no = pay(merchant)["order_no"]

    response = merchant.api.get(f"/orders/{order_no}/shipments", limit=1)

    assert (response.status_code, response.json()["code"]) == (400, "filter_not_allowed")


def test_refused_without_a_key_or_scope(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    order_no = pay(merchant)["order_no"]

    answers = [
        api.get(f"/orders/{order_no}/shipments")
        for api in (Api(), merchant.api_with("orders:write"))
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (401, "key_missing"),
        (403, "scope_missing"),
    ]
