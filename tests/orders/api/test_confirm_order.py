"""POST /orders/{order_no}/confirm."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from accounts.models import HoldEntry, LedgerEntry, Partner, Wallet
from catalog.models import Sku, StockMovement
from orders.models import Order, OrderEvent
from orders.services.cancellation import expire_due_orders
from tests.cast import Api, Merchant, World
from tests.orders.acts import let_expire, pay, place, ship, stock_numbers, told


def assert_not_paid(merchant: Merchant) -> None:
    assert not Order.objects.filter(paid_at__isnull=False).exists()
    assert not LedgerEntry.objects.filter(kind="order_payment").exists()
    assert not HoldEntry.objects.filter(kind="paid").exists()
    assert not StockMovement.objects.filter(cause="paid").exists()
    assert {message.type for message in told(merchant)} <= {
        "order.created", "order.cancelled", "order.expired"
    }  # fmt: skip


def test_order_is_paid_whole(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", price="12.50", north=10)
    placed = place(merchant, items=[("A", 3)], remark="请放门口", metadata={"channel": "app"})

    response = merchant.api.post(f"/orders/{placed['order_no']}/confirm")

    body = response.json()
    assert response.status_code == 200
    assert "Idempotent-Replayed" not in response.headers
    assert body == {
        **placed,
        "status": "paid",
        "updated_at": body["paid_at"],
        "paid_at": body["paid_at"],
        "version": 2,
        "suborders": [{**placed["suborders"][0], "status": "awaiting_shipment"}],
    }
    assert body["paid_at"] > placed["created_at"]
    assert merchant.api.get(f"/orders/{placed['order_no']}").json() == body


def test_hold_becomes_a_payment_once(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", price="12.50", north=10, weight_grams=700)
    order_no = place(merchant, items=[("A", 3)])["order_no"]

    merchant.api.post(f"/orders/{order_no}/confirm")

    wallet = Wallet.objects.get(pk=merchant.partner.pk)
    assert (wallet.balance, wallet.held_amount) == (Decimal("9948.50"), Decimal("0.00"))
    entry = LedgerEntry.objects.get(kind="order_payment")
    assert (entry.amount, entry.balance_after) == (Decimal("-51.50"), Decimal("9948.50"))
    assert (entry.entry_no, entry.document, entry.document_no) == (2, "order", order_no)
    assert (entry.order_no, entry.suborder_no) == (order_no, "")
    holds = HoldEntry.objects.order_by("hold_no")
    assert [(hold.kind, hold.amount, hold.held_after) for hold in holds] == [
        ("held", Decimal("51.50"), Decimal("51.50")),
        ("paid", Decimal("-51.50"), Decimal("0.00")),
    ]


def test_locked_units_leave_the_shelf_and_wait_for_shipment(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant, items=[("A", 3)])["order_no"]
    before = stock_numbers()

    merchant.api.post(f"/orders/{order_no}/confirm")

    assert (before, stock_numbers()) == ((10, 3, 0), (7, 0, 3))
    movement = StockMovement.objects.get(cause="paid")
    assert (movement.on_hand_change, movement.reserved_change, movement.outgoing_change) == (
        -3, -3, 3
    )  # fmt: skip
    assert movement.document_no == order_no


def test_every_part_is_paid_when_the_order_is_split(shop: World, merchant: Merchant) -> None:
    shop.make_sku("N", north=5)
    shop.make_sku("S", south=5)
    placed = place(merchant, items=[("N", 1), ("S", 2)])
    parts = [part["order_no"] for part in placed["suborders"]]

    body = merchant.api.post(f"/orders/{placed['order_no']}/confirm").json()

    assert [part["status"] for part in body["suborders"]] == ["awaiting_shipment"] * 2
    assert (stock_numbers("N"), stock_numbers("S", "south")) == ((4, 0, 1), (3, 0, 2))
    message = told(merchant)[-1]
    assert message.type == "order.status_changed"
    assert message.data == {"order": body, "changed": [placed["order_no"], *parts]}


def test_change_is_kept_in_the_history(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]

    merchant.api.post(f"/orders/{order_no}/confirm")

    events = OrderEvent.objects.order_by("id")[1:]
    assert [(event.subject_no, event.from_status, event.to_status) for event in events] == [
        (order_no, "pending_payment", "paid"),
        (f"{order_no}-1", "pending_payment", "awaiting_shipment"),
    ]
    key = merchant.partner.api_keys.get()
    assert {event.actor for event in events} == {f"key:{key.prefix}"}


def test_second_confirmation_is_a_replay(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    paid = pay(merchant)

    again = merchant.api.post(f"/orders/{paid['order_no']}/confirm")

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == paid
    assert LedgerEntry.objects.filter(kind="order_payment").count() == 1
    assert stock_numbers() == (9, 0, 1)
    assert len(told(merchant)) == 2


def test_confirmation_past_payment_answers_the_order_as_it_is_now(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=10)
    paid = pay(merchant)
    ship(f"{paid['order_no']}-1")

    again = merchant.api.post(f"/orders/{paid['order_no']}/confirm")

    assert (again.status_code, again.json()["status"]) == (200, "shipped")
    assert again.json() == merchant.api.get(f"/orders/{paid['order_no']}").json()


def test_idempotency_key_gives_the_first_answer(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]
    headers = {"Idempotency-Key": "pay-1"}
    first = merchant.api.post(f"/orders/{order_no}/confirm", headers=headers)
    ship(f"{order_no}-1")

    again = merchant.api.post(f"/orders/{order_no}/confirm", headers=headers)

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.content == first.content
    assert LedgerEntry.objects.filter(kind="order_payment").count() == 1


def test_frozen_price_is_paid_when_the_price_has_moved(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", price="10.00", north=10)
    order_no = place(merchant, items=[("A", 2)])["order_no"]
    Sku.objects.update(sale_price=Decimal("99.00"), shelf_state="off_shelf")

    body = merchant.api.post(f"/orders/{order_no}/confirm").json()

    assert (body["goods_amount"], body["total_amount"]) == ("20.00", "28.00")
    assert LedgerEntry.objects.get(kind="order_payment").amount == Decimal("-28.00")


def test_placed_order_can_be_paid_when_the_credit_line_was_cut(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", price="10.00", north=10)
    Wallet.objects.update(balance=Decimal("0.00"), credit_limit=Decimal("18.00"))
    order_no = place(merchant)["order_no"]
    Wallet.objects.update(credit_limit=Decimal("0.00"))

    response = merchant.api.post(f"/orders/{order_no}/confirm")

    assert response.status_code == 200
    wallet = Wallet.objects.get()
    assert (wallet.balance, wallet.held_amount) == (Decimal("-18.00"), Decimal("0.00"))


def test_placed_order_can_be_paid_when_the_partner_is_suspended(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]
    Partner.objects.update(status="suspended")

    response = merchant.api.post(f"/orders/{order_no}/confirm")

    assert (response.status_code, response.json()["status"]) == (200, "paid")


def test_refused_when_the_order_was_cancelled(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]
    merchant.api.post(f"/orders/{order_no}/cancel")

    response = merchant.api.post(f"/orders/{order_no}/confirm")

    assert (response.status_code, response.json()["code"]) == (409, "order_state_conflict")
    [error] = response.json()["errors"]
    assert (error["order_no"], error["status"]) == (order_no, "cancelled")
    assert stock_numbers() == (10, 0, 0)
    assert_not_paid(merchant)


@pytest.mark.parametrize("is_swept", [False, True])
def test_refused_past_the_deadline_whether_the_order_was_swept_or_not(
    shop: World, merchant: Merchant, is_swept: bool
) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]
    let_expire(order_no)
    if is_swept:
        expire_due_orders()

    response = merchant.api.post(f"/orders/{order_no}/confirm")

    assert (response.status_code, response.json()["code"]) == (409, "order_expired")
    assert stock_numbers() == (10, 0 if is_swept else 1, 0)
    assert Order.objects.get().status == ("expired" if is_swept else "pending_payment")
    assert_not_paid(merchant)


def test_key_is_not_used_up_by_a_refusal(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]
    headers = {"Idempotency-Key": "pay-1"}
    Order.objects.update(status="cancelled")
    refused = merchant.api.post(f"/orders/{order_no}/confirm", headers=headers)
    Order.objects.update(status="pending_payment")

    response = merchant.api.post(f"/orders/{order_no}/confirm", headers=headers)

    assert (refused.status_code, response.status_code) == (409, 200)
    assert "Idempotent-Replayed" not in response.headers


def test_not_found_by_the_number_of_a_part(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]

    response = merchant.api.post(f"/orders/{order_no}-1/confirm")

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert_not_paid(merchant)


def test_order_of_another_merchant_answers_as_a_missing_one(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]
    headers = {"X-Request-Id": "the-same-request"}

    theirs = stranger.api.post(f"/orders/{order_no}/confirm", headers=headers)
    missing = stranger.api.post("/orders/260101AAAAAAAAAA/confirm", headers=headers)

    assert (theirs.status_code, missing.status_code) == (404, 404)
    assert theirs.content == missing.content
    assert_not_paid(merchant)


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [({"amount": "1.00"}, "/amount", "unknown_field"), ([1], "", "field_invalid")],
)
def test_body_with_content_is_refused(
    shop: World, merchant: Merchant, body: Any, pointer: str, code: str
) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]

    response = merchant.api.post(f"/orders/{order_no}/confirm", body)

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert_not_paid(merchant)


def test_empty_object_is_as_good_as_no_body(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]

    response = merchant.api.post(f"/orders/{order_no}/confirm", {})

    assert response.status_code == 200


def test_refused_without_a_key_or_scope(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]

    answers = [
        api.post(f"/orders/{order_no}/confirm") for api in (Api(), merchant.api_with("orders:read"))
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (401, "key_missing"),
        (403, "scope_missing"),
    ]
    assert_not_paid(merchant)


def test_confirming_needs_a_fixed_number_of_queries(
    shop: World, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    for number in range(20):
        shop.make_sku(f"S{number}", north=1)
    order_no = place(merchant, items=[(f"S{n}", 1) for n in range(20)])["order_no"]

    # The limits, and all of it at once.
    with django_assert_num_queries(2):
        merchant.api.post(f"/orders/{order_no}/confirm")


def test_unknown_parameter_is_refused(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    order_no = place(merchant)["order_no"]
    before = merchant.api.get(f"/orders/{order_no}").json()

    response = merchant.api.post(f"/orders/{order_no}/confirm?x=1")

    assert (response.status_code, response.json()["code"]) == (400, "filter_not_allowed")
    assert merchant.api.get(f"/orders/{order_no}").json() == before
