"""POST /orders with ``on_shortage``: what is short is left out, and told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from accounts.models import HoldEntry, Wallet
from catalog.models import Stock
from openplatform.messaging.models import Message, Outbox
from openplatform.messaging.services.sequencing import sequence_outbox
from orders.models import Order
from tests.cast import BEIJING, CONSIGNEE, URUMQI, Merchant, World, order_body


def assert_nothing_written() -> None:
    assert Order.objects.count() == 0
    assert Outbox.objects.count() == 0
    assert HoldEntry.objects.count() == 0
    assert not Stock.objects.exclude(reserved=0).exists()


def test_line_is_cut_to_what_there_is_when_it_is_short(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", price="10.00", north=3)
    shop.make_sku("B", price="5.00", north=9)

    response = merchant.api.post(
        "/orders", order_body(items=[("A", 5), ("B", 2)], on_shortage="drop_line")
    )

    assert response.status_code == 201
    body = response.json()
    assert body["dropped"] == [{"sku": "A", "requested": 5, "ordered": 3}]
    assert [(line["sku"], line["quantity"]) for line in body["suborders"][0]["lines"]] == [
        ("A", 3),
        ("B", 2),
    ]
    assert (body["goods_amount"], body["freight_amount"]) == ("40.00", "14.00")
    assert Wallet.objects.get().held_amount == Decimal("54.00")
    assert list(Stock.objects.order_by("id").values_list("reserved", flat=True)) == [3, 2]
    assert merchant.api.get(f"/orders/{body['order_no']}").json() == body
    sequence_outbox()
    assert Message.objects.get().data["order"] == body


def test_line_is_left_out_when_there_is_none(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=0)
    shop.make_sku("B", north=9)

    body = merchant.api.post(
        "/orders", order_body(items=[("A", 5), ("B", 2)], on_shortage="drop_line")
    ).json()

    assert body["dropped"] == [{"sku": "A", "requested": 5, "ordered": 0}]
    assert [(line["line_no"], line["sku"]) for line in body["suborders"][0]["lines"]] == [
        ("1", "B")
    ]


@pytest.mark.parametrize(
    ("fields", "on_hand", "ordered"),
    [
        ({"quantity_step": 3}, 7, 6),
        ({"quantity_step": 4, "min_quantity": 4}, 7, 4),
        ({"quantity_step": 4, "min_quantity": 8}, 7, 0),
        ({"quantity_step": 3}, 2, 0),
        ({"quantity_step": 5, "min_quantity": 6}, 11, 10),
        ({"quantity_step": 5, "min_quantity": 6}, 9, 0),
    ],
)
def test_cut_keeps_to_step_and_minimum(
    shop: World, merchant: Merchant, fields: dict[str, Any], on_hand: int, ordered: int
) -> None:
    shop.make_sku("A", north=on_hand, **fields)
    shop.make_sku("B", north=1)

    body = merchant.api.post(
        "/orders", order_body(items=[("A", 60), ("B", 1)], on_shortage="drop_line")
    ).json()

    assert body["dropped"] == [{"sku": "A", "requested": 60, "ordered": ordered}]
    assert Stock.objects.get(sku__code="A").reserved == ordered


def test_cut_takes_from_every_warehouse(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=3, south=4)

    body = merchant.api.post(
        "/orders", order_body(items=[("A", 9)], on_shortage="drop_line")
    ).json()

    assert body["dropped"] == [{"sku": "A", "requested": 9, "ordered": 7}]
    assert [part["lines"][0]["quantity"] for part in body["suborders"]] == [3, 4]


def test_nothing_is_dropped_when_there_is_enough(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=3)

    body = merchant.api.post(
        "/orders", order_body(items=[("A", 3)], on_shortage="drop_line")
    ).json()

    assert body["dropped"] == []


def test_refused_as_by_reject_when_nothing_is_left(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=0)
    shop.make_sku("B", north=1, min_quantity=2)

    response = merchant.api.post(
        "/orders", order_body(items=[("A", 1), ("B", 2)], on_shortage="drop_line")
    )

    assert response.status_code == 409
    assert [
        (error["pointer"], error["code"], error["sku"]) for error in response.json()["errors"]
    ] == [("/items/0", "stock_insufficient", "A"), ("/items/1", "stock_insufficient", "B")]
    assert_nothing_written()


def test_only_shortage_is_dropped(shop: World, merchant: Merchant) -> None:
    shop.make_sku("SHORT", north=1)
    shop.make_sku("OFF", north=9, shelf_state="off_shelf")
    shop.make_sku("DEAR", price="10.00", north=9)
    body = order_body(items=[("SHORT", 2), ("OFF", 1), ("DEAR", 1)], on_shortage="drop_line")
    body["items"][2]["expected_price"] = "9.00"

    response = merchant.api.post("/orders", body)

    assert response.status_code == 409
    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [
        ("/items/1", "sku_off_shelf"),
        ("/items/2/expected_price", "price_changed"),
    ]
    assert_nothing_written()


@pytest.mark.parametrize(
    ("item", "region", "code"),
    [
        (("A", 3), URUMQI, "region_not_served"),
        (("NONE", 1), BEIJING, "sku_not_available"),
        (("STEP", 3), BEIJING, "wrong_step"),
    ],
)
def test_what_cannot_be_ordered_at_all_is_refused(
    shop: World, merchant: Merchant, item: tuple[str, int], region: str, code: str
) -> None:
    shop.make_sku("A", north=1)
    shop.make_sku("STEP", north=1, quantity_step=2)

    response = merchant.api.post(
        "/orders",
        order_body(
            items=[item],
            on_shortage="drop_line",
            consignee={**CONSIGNEE, "region": region},
        ),
    )

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert_nothing_written()


def test_replay_compares_what_was_asked_for(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=3)
    asked = order_body(items=[("A", 5)], on_shortage="drop_line")
    first = merchant.api.post("/orders", asked)

    again = merchant.api.post("/orders", asked)
    as_placed = merchant.api.post("/orders", order_body(items=[("A", 3)]))

    assert (again.status_code, again.json()) == (200, first.json())
    assert (as_placed.status_code, as_placed.json()["code"]) == (409, "merchant_order_no_conflict")


def test_refused_when_the_balance_does_not_cover_what_is_left(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", price="10.00", north=3)
    Wallet.objects.update(balance=Decimal("39.99"))

    response = merchant.api.post("/orders", order_body(items=[("A", 5)], on_shortage="drop_line"))

    assert response.status_code == 402
    assert response.json()["errors"][0]["balance_missing"] == "0.01"
    assert response.json()["errors"][0]["total_amount"] == "40.00"
    assert_nothing_written()
