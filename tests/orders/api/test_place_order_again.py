"""POST /orders: the same again, by number and by Idempotency-Key."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Partner
from catalog.models import Sku
from orders.models import Order
from tests.cast import CONSIGNEE, Merchant, World, order_body
from tests.orders.acts import assert_nothing_written


def test_same_order_again_is_a_replay(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    shop.make_sku("B", north=10)
    first = merchant.api.post("/orders", order_body(items=[("A", 1), ("B", 2)]))

    again = merchant.api.post("/orders", order_body(items=[("B", 2), ("A", 1)], remark="other"))

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == first.json()
    assert Order.objects.count() == 1
    assert "Idempotent-Replayed" not in first.headers


def test_replay_is_answered_before_any_other_check(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=1)
    first = merchant.api.post("/orders", order_body())
    Sku.objects.update(shelf_state="off_shelf")
    Partner.objects.update(status="suspended")

    again = merchant.api.post("/orders", order_body())

    assert (again.status_code, again.json()) == (200, first.json())


@pytest.mark.parametrize(
    "changes",
    [
        {"items": [{"sku": "A", "quantity": 2}]},
        {"items": [{"sku": "B", "quantity": 1}]},
        {"consignee": {**CONSIGNEE, "phone": "13900139000"}},
    ],
)
def test_conflict_when_the_number_stands_for_another_order(
    shop: World, merchant: Merchant, changes: dict[str, Any]
) -> None:
    shop.make_sku("A", north=10)
    shop.make_sku("B", north=10)
    first = merchant.api.post("/orders", order_body()).json()

    response = merchant.api.post("/orders", {**order_body(), **changes})

    assert response.status_code == 409
    assert response.json()["code"] == "merchant_order_no_conflict"
    assert response.json()["errors"][0]["order_no"] == first["order_no"]
    assert Order.objects.count() == 1


def test_number_is_not_used_up_by_a_refusal(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=1)
    refused = merchant.api.post("/orders", order_body(items=[("A", 2)]))

    placed = merchant.api.post("/orders", order_body(items=[("A", 1)]))

    assert (refused.status_code, placed.status_code) == (409, 201)


def test_two_merchants_may_use_the_same_number(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.open_pool_to(stranger)
    shop.make_sku("A", north=10)

    statuses = [one.api.post("/orders", order_body()).status_code for one in (merchant, stranger)]

    assert statuses == [201, 201]


def test_idempotency_key_gives_the_first_answer(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    headers = {"Idempotency-Key": "k-1"}
    first = merchant.api.post("/orders", order_body(), headers)
    merchant.api.post(f"/orders/{first.json()['order_no']}/cancel")

    again = merchant.api.post("/orders", order_body(), headers)

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert again.content == first.content


def test_idempotency_key_with_another_body_is_refused(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    headers = {"Idempotency-Key": "k-1"}
    merchant.api.post("/orders", order_body(), headers)

    response = merchant.api.post("/orders", order_body("M-2"), headers)

    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert Order.objects.count() == 1


def test_idempotency_key_is_not_used_up_by_a_refusal(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=1)
    headers = {"Idempotency-Key": "k-1"}
    merchant.api.post("/orders", order_body(items=[("A", 2)]), headers)

    response = merchant.api.post("/orders", order_body(items=[("A", 1)]), headers)

    assert response.status_code == 201


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 129])
def test_malformed_idempotency_key_is_refused(shop: World, merchant: Merchant, key: str) -> None:
    shop.make_sku("A", north=1)

    response = merchant.api.post("/orders", order_body(), {"Idempotency-Key": key})

    assert (response.status_code, response.json()["code"]) == (422, "field_invalid")
    assert_nothing_written()
