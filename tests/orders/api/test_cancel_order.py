"""POST /orders/{order_no}/cancel."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounts.models import HoldEntry, Partner, Wallet
from catalog.models import StockMovement
from orders.models import Order, OrderEvent
from orders.services.cancellation import expire_due_orders
from tests.cast import Api, Merchant, World, order_body
from tests.orders.acts import let_expire, pay, place, ship, stock_numbers, told


def assert_not_cancelled(merchant: Merchant) -> None:
    assert not Order.objects.filter(cancelled_at__isnull=False).exists()
    assert "order.cancelled" not in {message.type for message in told(merchant)}


def test_order_is_cancelled_whole(shop: World, merchant: Merchant) -> None:
    shop.make_sku("N", price="10.00", north=10)
    shop.make_sku("S", price="20.00", south=10)
    placed = place(merchant, items=[("N", 3), ("S", 1)])
    order_no = placed["order_no"]

    response = merchant.api.post(f"/orders/{order_no}/cancel")

    body = response.json()
    assert response.status_code == 200
    assert "Idempotent-Replayed" not in response.headers
    assert body == {
        **placed,
        "status": "cancelled",
        "updated_at": body["cancelled_at"],
        "cancelled_at": body["cancelled_at"],
        "version": 2,
        "suborders": [{**part, "status": "cancelled"} for part in placed["suborders"]],
    }
    assert body["cancelled_at"] > placed["created_at"]
    assert merchant.api.get(f"/orders/{order_no}").json() == body
    message = told(merchant)[-1]
    assert message.type == "order.cancelled"
    assert message.data == {
        "order": body, "changed": [order_no, f"{order_no}-1", f"{order_no}-2"]
    }  # fmt: skip


def test_stock_and_hold_are_free_again(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", price="10.00", north=10)
    order_no = place(merchant, items=[("A", 3)])["order_no"]

    merchant.api.post(f"/orders/{order_no}/cancel")

    assert stock_numbers() == (10, 0, 0)
    movement = StockMovement.objects.get(cause="released")
    assert (movement.on_hand_change, movement.reserved_change) == (0, -3)
    wallet = Wallet.objects.get(pk=merchant.partner.pk)
    assert (wallet.balance, wallet.held_amount) == (Decimal("10000.00"), Decimal("0.00"))
    hold = HoldEntry.objects.get(kind="released")
    assert (hold.amount, hold.held_after, hold.order_no) == (
        Decimal("-40.00"), Decimal("0.00"), order_no
    )  # fmt: skip
    events = OrderEvent.objects.order_by("id")[1:]
    assert [(event.subject_no, event.from_status, event.to_status) for event in events] == [
        (order_no, "pending_payment", "cancelled"),
        (f"{order_no}-1", "pending_payment", "cancelled"),
    ]


def test_second_cancellation_is_a_replay(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]
    first = merchant.api.post(f"/orders/{order_no}/cancel")

    again = merchant.api.post(f"/orders/{order_no}/cancel")

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == first.json()
    assert HoldEntry.objects.filter(kind="released").count() == 1
    assert stock_numbers() == (10, 0, 0)
    assert len(told(merchant)) == 2


def test_idempotency_key_gives_the_first_answer(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]
    headers = {"Idempotency-Key": "stop-1"}
    first = merchant.api.post(f"/orders/{order_no}/cancel", headers=headers)

    again = merchant.api.post(f"/orders/{order_no}/cancel", headers=headers)

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.content == first.content


def test_number_stays_used_up_by_a_cancelled_order(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    cancelled = place(merchant)["order_no"]
    merchant.api.post(f"/orders/{cancelled}/cancel")

    again = merchant.api.post("/orders", order_body())

    assert (again.status_code, again.json()["order_no"]) == (200, cancelled)
    assert again.json()["status"] == "cancelled"
    assert stock_numbers() == (10, 0, 0)


def test_suspended_partner_may_cancel(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]
    Partner.objects.update(status="suspended")

    assert merchant.api.post(f"/orders/{order_no}/cancel").status_code == 200


@pytest.mark.parametrize(
    ("status", "numbers"), [("paid", (9, 0, 1)), ("shipped", (9, 0, 0)), ("expired", (10, 0, 0))]
)
def test_refused_when_the_order_has_moved_on(
    shop: World, merchant: Merchant, status: str, numbers: tuple[int, int, int]
) -> None:
    shop.make_sku("A", north=10)
    if status == "expired":
        order_no = place(merchant)["order_no"]
        let_expire(order_no)
        expire_due_orders()
    else:
        order_no = pay(merchant)["order_no"]
        if status == "shipped":
            ship(f"{order_no}-1")

    response = merchant.api.post(f"/orders/{order_no}/cancel")

    assert (response.status_code, response.json()["code"]) == (409, "order_state_conflict")
    assert [(error["order_no"], error["status"]) for error in response.json()["errors"]] == [
        (order_no, status)
    ]
    assert Order.objects.get().status == status
    assert stock_numbers() == numbers
    assert_not_cancelled(merchant)


def test_cancelled_past_the_deadline_when_the_sweeper_sleeps(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]
    let_expire(order_no)

    response = merchant.api.post(f"/orders/{order_no}/cancel")

    assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    assert expire_due_orders() == 0


def test_not_found_by_the_number_of_a_part(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]

    response = merchant.api.post(f"/orders/{order_no}-1/cancel")

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert_not_cancelled(merchant)


def test_order_of_another_merchant_answers_as_a_missing_one(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]
    headers = {"X-Request-Id": "the-same-request"}

    theirs = stranger.api.post(f"/orders/{order_no}/cancel", headers=headers)
    missing = stranger.api.post("/orders/260101AAAAAAAAAA/cancel", headers=headers)

    assert (theirs.status_code, missing.status_code) == (404, 404)
    assert theirs.content == missing.content
    assert stock_numbers() == (10, 1, 0)
    assert_not_cancelled(merchant)


def test_body_with_content_is_refused(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]

    response = merchant.api.post(f"/orders/{order_no}/cancel", {"reason": "late"})

    assert (response.status_code, response.json()["code"]) == (422, "unknown_field")
    assert_not_cancelled(merchant)


def test_refused_without_a_key_or_scope(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]

    answers = [
        api.post(f"/orders/{order_no}/cancel") for api in (Api(), merchant.api_with("orders:read"))
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (401, "key_missing"),
        (403, "scope_missing"),
    ]
    assert_not_cancelled(merchant)


def test_unknown_parameter_is_refused(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    order_no = place(merchant)["order_no"]
    before = merchant.api.get(f"/orders/{order_no}").json()

    response = merchant.api.post(f"/orders/{order_no}/cancel?x=1")

    assert (response.status_code, response.json()["code"]) == (400, "filter_not_allowed")
    assert merchant.api.get(f"/orders/{order_no}").json() == before
