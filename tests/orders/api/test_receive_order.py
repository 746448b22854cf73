"""POST /orders/{order_no}/receive."""

from __future__ import annotations

from typing import Any

import pytest

from openplatform.core import clock
from openplatform.idempotency.models import IdempotentRequest
from orders.models import Order, OrderEvent, Suborder
from orders.services.cancellation import expire_due_orders
from tests.cast import Api, Merchant, World
from tests.orders.acts import let_expire, pay, place, ship, told
from tests.racing import race

# State of the test, status of the order and of its part.
UNSHIPPED = {
    "pending": ("pending_payment", "pending_payment"),
    "cancelled": ("cancelled", "cancelled"),
    "expired": ("expired", "cancelled"),
    "paid": ("paid", "awaiting_shipment"),
    "partly": ("partly_shipped", "partly_shipped"),
}


@pytest.fixture
def two_parts(shop: World, merchant: Merchant) -> str:
    """A paid order of two parts."""
    shop.make_sku("N", north=10)
    shop.make_sku("S", south=10)
    number: str = pay(merchant, items=[("N", 2), ("S", 1)])["order_no"]
    return number


def assert_nothing_received(order_no: str) -> None:
    assert not Suborder.objects.filter(completed_at__isnull=False).exists()
    assert not OrderEvent.objects.filter(to_status="completed").exists()
    assert not IdempotentRequest.objects.filter(path__endswith="/receive").exists()


def test_part_is_completed_by_its_own_number(merchant: Merchant, two_parts: str) -> None:
    ship(f"{two_parts}-1")
    before = merchant.api.get(f"/orders/{two_parts}-1").json()

    response = merchant.api.post(f"/orders/{two_parts}-1/receive")

    body = response.json()
    assert response.status_code == 200
    assert "Idempotent-Replayed" not in response.headers
    assert body == {
        **before,
        "status": "completed",
        "completed_at": body["updated_at"],
        "updated_at": body["updated_at"],
        "version": before["version"] + 1,
    }
    assert merchant.api.get(f"/orders/{two_parts}-1").json() == body
    order = merchant.api.get(f"/orders/{two_parts}").json()
    assert (order["status"], order["suborders"][1]["status"]) == (
        "partly_shipped", "awaiting_shipment"
    )  # fmt: skip
    message = told(merchant)[-1]
    assert (message.type, message.data) == (
        "order.status_changed", {"order": order, "changed": [f"{two_parts}-1"]}
    )  # fmt: skip
    event = OrderEvent.objects.latest("id")
    assert (event.subject_no, event.from_status, event.to_status, event.actor[:4]) == (
        f"{two_parts}-1", "shipped", "completed", "key:"
    )  # fmt: skip


def test_parent_number_receives_every_part_that_has_left(
    merchant: Merchant, two_parts: str
) -> None:
    ship(f"{two_parts}-1")
    ship(f"{two_parts}-2")

    response = merchant.api.post(f"/orders/{two_parts}/receive")

    body = response.json()
    assert (response.status_code, body["status"]) == (200, "completed")
    assert [part["status"] for part in body["suborders"]] == ["completed", "completed"]
    message = told(merchant)[-1]
    assert (message.type, message.data["changed"]) == (
        "order.status_changed",
        [two_parts, f"{two_parts}-1", f"{two_parts}-2"],
    )
    assert message.data["order"] == body


def test_parent_number_leaves_what_has_not_left(merchant: Merchant, two_parts: str) -> None:
    ship(f"{two_parts}-1", {1: 1})
    ship(f"{two_parts}-2")

    body = merchant.api.post(f"/orders/{two_parts}/receive").json()

    assert body["status"] == "partly_shipped"
    assert [part["status"] for part in body["suborders"]] == ["partly_shipped", "completed"]


@pytest.mark.parametrize("suffix", ["", "-1"])
def test_second_receipt_is_a_replay(merchant: Merchant, two_parts: str, suffix: str) -> None:
    ship(f"{two_parts}-1")
    path = f"/orders/{two_parts}{suffix}/receive"
    first = merchant.api.post(path)
    messages = len(told(merchant))

    again = merchant.api.post(path)

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == first.json()
    assert len(told(merchant)) == messages


def test_closed_part_that_was_received_is_a_replay(merchant: Merchant, two_parts: str) -> None:
    ship(f"{two_parts}-1")
    merchant.api.post(f"/orders/{two_parts}-1/receive")
    Suborder.objects.filter(order_no=f"{two_parts}-1").update(status="closed")

    again = merchant.api.post(f"/orders/{two_parts}-1/receive")

    assert (again.status_code, again.json()["status"]) == (200, "closed")
    assert again.headers["Idempotent-Replayed"] == "true"


def test_idempotency_key_gives_the_first_answer(merchant: Merchant, two_parts: str) -> None:
    ship(f"{two_parts}-1")
    headers = {"Idempotency-Key": "got-1"}
    first = merchant.api.post(f"/orders/{two_parts}/receive", headers=headers)
    ship(f"{two_parts}-2")

    again = merchant.api.post(f"/orders/{two_parts}/receive", headers=headers)

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.content == first.content
    assert Suborder.objects.get(order_no=f"{two_parts}-2").status == "shipped"


@pytest.mark.parametrize("suffix", ["", "-1"])
@pytest.mark.parametrize("state", list(UNSHIPPED))
def test_refused_when_nothing_has_wholly_left(
    shop: World, merchant: Merchant, suffix: str, state: str
) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant, items=[("A", 2)])["order_no"]
    if state == "cancelled":
        merchant.api.post(f"/orders/{order_no}/cancel")
    elif state == "expired":
        let_expire(order_no)
        expire_due_orders()
    elif state in ("paid", "partly"):
        merchant.api.post(f"/orders/{order_no}/confirm")
    if state == "partly":
        ship(f"{order_no}-1", {1: 1})
    version = Order.objects.get().version

    response = merchant.api.post(
        f"/orders/{order_no}{suffix}/receive", headers={"Idempotency-Key": "got-1"}
    )

    assert (response.status_code, response.json()["code"]) == (409, "order_state_conflict")
    [error] = response.json()["errors"]
    assert (error["order_no"], error["status"]) == (
        f"{order_no}{suffix}",
        UNSHIPPED[state][1 if suffix else 0],
    )
    assert Order.objects.get().version == version
    assert_nothing_received(order_no)


@pytest.mark.parametrize("suffix", ["", "-1"])
def test_order_of_another_merchant_answers_as_a_missing_one(
    merchant: Merchant, stranger: Merchant, two_parts: str, suffix: str
) -> None:
    ship(f"{two_parts}-1")
    headers = {"X-Request-Id": "the-same-request"}

    theirs, missing = (
        stranger.api.post(f"/orders/{number}{suffix}/receive", headers=headers)
        for number in (two_parts, "260101AAAAAAAAAA")
    )

    assert (theirs.status_code, missing.status_code) == (404, 404)
    assert theirs.content == missing.content
    assert_nothing_received(two_parts)


def test_body_with_content_is_refused(merchant: Merchant, two_parts: str) -> None:
    ship(f"{two_parts}-1")

    response = merchant.api.post(f"/orders/{two_parts}-1/receive", {"lines": []})

    assert (response.status_code, response.json()["code"]) == (422, "unknown_field")
    assert_nothing_received(two_parts)


def test_refused_without_a_key_or_scope(merchant: Merchant, two_parts: str) -> None:
    ship(f"{two_parts}-1")

    answers = [
        api.post(f"/orders/{two_parts}-1/receive")
        for api in (Api(), merchant.api_with("orders:read"))
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (401, "key_missing"),
        (403, "scope_missing"),
    ]
    assert_nothing_received(two_parts)


def test_number_of_statements_stays_the_same_with_more_parts(
    shop: World, merchant: Merchant, django_assert_max_num_queries: Any
) -> None:
    shop.make_sku("N", north=10)
    shop.make_sku("S", south=10)
    order_no = pay(merchant, items=[("N", 1), ("S", 1)])["order_no"]
    ship(f"{order_no}-1")
    ship(f"{order_no}-2")

    with django_assert_max_num_queries(40):
        response = merchant.api.post(f"/orders/{order_no}/receive")

    assert response.json()["status"] == "completed"


@pytest.mark.django_db(transaction=True)
def test_part_is_received_once_when_it_is_reported_at_once(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant)["order_no"]
    ship(f"{order_no}-1")
    version = Order.objects.get().version

    answers: Any = race(
        lambda: merchant.api.post(f"/orders/{order_no}/receive"),
        lambda: merchant.api.post(f"/orders/{order_no}-1/receive"),
        lambda: merchant.api.post(f"/orders/{order_no}-1/receive"),
    )

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert sorted("Idempotent-Replayed" in answer.headers for answer in answers) == [
        False, True, True
    ]  # fmt: skip
    assert Order.objects.get().version == version + 1
    assert OrderEvent.objects.filter(to_status="completed").count() == 2
    assert Suborder.objects.filter(completed_at__lte=clock.now()).count() == 1


def test_unknown_parameter_is_refused(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    order_no = pay(merchant)["order_no"]
    ship(f"{order_no}-1")
    before = merchant.api.get(f"/orders/{order_no}").json()

    response = merchant.api.post(f"/orders/{order_no}/receive?x=1")

    assert (response.status_code, response.json()["code"]) == (400, "filter_not_allowed")
    assert merchant.api.get(f"/orders/{order_no}").json() == before
