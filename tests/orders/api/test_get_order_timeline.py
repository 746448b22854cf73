"""GET /orders/{order_no}/timeline."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from catalog.models import Warehouse
from openplatform.core import clock
from orders.services.cancellation import expire_order
from orders.services.closing import close_lines
from orders.services.rearrangement import move_suborder, split_suborder
from tests.cast import Api, Merchant, World
from tests.orders.acts import let_expire, pay, place, ship


def split(world: World, suborder_no: str, quantities: dict[int, int]) -> str:
    """Send units of a suborder from the southern warehouse instead; the new suborder's number."""
    made = split_suborder(
        suborder_no=suborder_no,
        quantities=quantities,
        to_warehouse_id=world.south.pk,
        restock=True,
        reason="damaged",
        actor="operator",
        now=clock.now(),
    )
    return made.suborder.order_no


def close(
    suborder_no: str, quantities: dict[int, int] | None, *, refund_freight: bool | None = None
) -> str:
    """Refund units of a suborder; the closure's number."""
    closure = close_lines(
        suborder_no=suborder_no,
        quantities=quantities,
        restock=True,
        refund_freight=refund_freight,
        reason="missing",
        actor="operator",
        now=clock.now(),
    )
    return closure.closure_no


def timeline(merchant: Merchant, order_no: str) -> dict[str, Any]:
    response = merchant.api.get(f"/orders/{order_no}/timeline")
    assert response.status_code == 200, response.content
    document: dict[str, Any] = response.json()
    return document


def steps(document: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [
        (entry["kind"], entry["amount"], entry["held_after"], entry["net_after"])
        for entry in document["entries"]
    ]


def shares(entry: dict[str, Any]) -> list[tuple[str, str | None, int | None, str]]:
    return [
        (share["order_no"], share["line_no"], share["quantity"], share["amount"])
        for share in entry["shares"]
    ]


def add_up(rows: Iterable[dict[str, Any]], name: str) -> Decimal:
    return sum((Decimal(row[name]) for row in rows), Decimal(0))


def assert_adds_up(document: dict[str, Any]) -> None:
    """Shares to entries, entries and lines to what stands above them."""
    for entry in document["entries"]:
        assert add_up(entry["shares"], "amount") == Decimal(entry["amount"])
    for name in ("held_amount", "paid_amount", "refunded_amount", "net_amount"):
        assert add_up(document["lines"], name) == Decimal(document[name])
    last = document["entries"][-1]
    assert (last["held_after"], last["net_after"]) == (
        document["held_amount"], document["net_amount"],
    )  # fmt: skip


@pytest.fixture
def two_goods(shop: World) -> World:
    """A at 10.00 and B at 20.00, in both warehouses; freight is 8.00 up to a kilogram."""
    shop.make_sku("A", price="10.00", north=50, south=50, weight_grams=100)
    shop.make_sku("B", price="20.00", north=50, south=50, weight_grams=100)
    return shop


def test_paid_order_tells_of_its_hold_and_its_payment(two_goods: World, merchant: Merchant) -> None:
    order_no = pay(merchant, items=[("A", 3), ("B", 2)])["order_no"]

    document = timeline(merchant, order_no)

    times = [entry.pop("at") for entry in document["entries"]]
    placed: list[dict[str, Any]] = [
        {"order_no": f"{order_no}-1", "line_no": "1", "sku": "A", "quantity": 3, "amount": "30.00"},
        {"order_no": f"{order_no}-1", "line_no": "2", "sku": "B", "quantity": 2, "amount": "40.00"},
        {
            "order_no": f"{order_no}-1", "line_no": None, "sku": None, "quantity": None,
            "amount": "8.00",
        },
    ]  # fmt: skip
    assert times == sorted(times)
    assert document == {
        "order_no": order_no,
        "parent_order_no": None,
        "currency": "CNY",
        "held_amount": "0.00",
        "paid_amount": "78.00",
        "refunded_amount": "0.00",
        "net_amount": "78.00",
        "entries": [
            {
                "kind": "held", "amount": "78.00", "held_after": "78.00", "net_after": "0.00",
                "document_no": None, "entry_no": None, "balance_after": None, "shares": placed,
            },
            {
                "kind": "paid", "amount": "78.00", "held_after": "0.00", "net_after": "78.00",
                "document_no": None, "entry_no": "2", "balance_after": "9922.00",
                "shares": placed,
            },
        ],
        "lines": [
            {
                "order_no": share["order_no"], "line_no": share["line_no"], "sku": share["sku"],
                "held_amount": "0.00", "paid_amount": share["amount"], "refunded_amount": "0.00",
                "net_amount": share["amount"],
            }
            for share in placed
        ],
    }  # fmt: skip


def test_hold_is_released_when_an_order_is_cancelled_or_expires(
    two_goods: World, merchant: Merchant
) -> None:
    cancelled = place(merchant, "M-1")["order_no"]
    merchant.api.post(f"/orders/{cancelled}/cancel")
    expired = place(merchant, "M-2")["order_no"]
    let_expire(expired)
    expire_order(order_no=expired, now=clock.now())

    for order_no in (cancelled, expired):
        document = timeline(merchant, order_no)
        assert steps(document) == [
            ("held", "18.00", "18.00", "0.00"),
            ("released", "18.00", "0.00", "0.00"),
        ]
        assert_adds_up(document)


def test_splits_and_refunds_stand_with_their_lines_and_freight(
    two_goods: World, merchant: Merchant
) -> None:
    order_no = pay(merchant, items=[("A", 3), ("B", 2)])["order_no"]
    first = f"{order_no}-1"
    second = split(two_goods, first, {1: 1, 2: 2})  # 50.00 of 70.00: 5.71 of the freight
    closed = close(first, {1: 1}, refund_freight=False)
    all_closed = close(second, None)

    document = timeline(merchant, order_no)

    assert steps(document) == [
        ("held", "78.00", "78.00", "0.00"),
        ("paid", "78.00", "0.00", "78.00"),
        ("split", "0.00", "0.00", "78.00"),
        ("refunded", "10.00", "0.00", "68.00"),
        ("refunded", "55.71", "0.00", "12.29"),
    ]
    held, paid, divided, refunded, all_refunded = document["entries"]
    assert shares(held) == shares(paid) == [
        (first, "1", 3, "30.00"),
        (first, "2", 2, "40.00"),
        (first, None, None, "8.00"),
    ]  # fmt: skip
    assert shares(divided) == [
        (first, "1", -1, "-10.00"),
        (first, "2", -2, "-40.00"),
        (first, None, None, "-5.71"),
        (second, "3", 1, "10.00"),
        (second, "2", 2, "40.00"),
        (second, None, None, "5.71"),
    ]
    assert (refunded["document_no"], refunded["balance_after"]) == (closed, "9932.00")
    assert shares(refunded) == [(first, "1", 1, "10.00")]
    assert (all_refunded["document_no"], all_refunded["balance_after"]) == (all_closed, "9987.71")
    assert shares(all_refunded) == [
        (second, "2", 2, "40.00"),
        (second, "3", 1, "10.00"),
        (second, None, None, "5.71"),
    ]
    assert [
        (line["order_no"], line["line_no"], line["paid_amount"], line["refunded_amount"])
        for line in document["lines"]
    ] == [
        (first, "1", "20.00", "10.00"),
        (first, "2", "0.00", "0.00"),
        (first, None, "2.29", "0.00"),
        (second, "2", "40.00", "40.00"),
        (second, "3", "10.00", "10.00"),
        (second, None, "5.71", "5.71"),
    ]
    assert_adds_up(document)


def test_child_tells_of_its_own_share(two_goods: World, merchant: Merchant) -> None:
    order_no = pay(merchant, items=[("A", 3), ("B", 2)])["order_no"]
    first = f"{order_no}-1"
    second = split(two_goods, first, {2: 2})
    close(second, None)

    of_first, of_second = timeline(merchant, first), timeline(merchant, second)

    assert (of_second["order_no"], of_second["parent_order_no"]) == (second, order_no)
    assert steps(of_first) == [
        ("held", "78.00", "78.00", "0.00"),
        ("paid", "78.00", "0.00", "78.00"),
        ("split", "-44.57", "0.00", "33.43"),
    ]
    assert steps(of_second) == [
        ("split", "44.57", "0.00", "44.57"),
        ("refunded", "44.57", "0.00", "0.00"),
    ]
    assert_adds_up(of_first)
    assert_adds_up(of_second)


def test_part_that_was_split_again_goes_back_to_where_it_was_placed(
    two_goods: World, merchant: Merchant
) -> None:
    order_no = pay(merchant, items=[("A", 7), ("B", 3)])["order_no"]
    second = split(two_goods, f"{order_no}-1", {1: 5, 2: 1})
    split(two_goods, second, {3: 2, 4: 1})
    close(f"{order_no}-3", None)

    document = timeline(merchant, order_no)

    assert shares(document["entries"][0]) == [
        (f"{order_no}-1", "1", 7, "70.00"),
        (f"{order_no}-1", "2", 3, "60.00"),
        (f"{order_no}-1", None, None, document["entries"][0]["shares"][2]["amount"]),
    ]
    assert_adds_up(document)
    order = merchant.api.get(f"/orders/{order_no}").json()
    assert (document["paid_amount"], document["refunded_amount"]) == (
        order["total_amount"], order["refunded_amount"],
    )  # fmt: skip
    of_parts = [timeline(merchant, part["order_no"]) for part in order["suborders"]]
    for name in ("paid_amount", "refunded_amount", "net_amount"):
        assert add_up(of_parts, name) == Decimal(document[name])
        for part, of_part in zip(order["suborders"], of_parts, strict=True):
            if name == "paid_amount":
                assert of_part[name] == part["total_amount"]
            if name == "refunded_amount":
                assert of_part[name] == part["refunded_amount"]


def test_move_and_shipment_move_no_money(two_goods: World, merchant: Merchant) -> None:
    order_no = pay(merchant, items=[("A", 1)])["order_no"]
    before = timeline(merchant, order_no)
    move_suborder(
        suborder_no=f"{order_no}-1",
        to_warehouse_id=Warehouse.objects.get(code="south").pk,
        restock=True,
        reason="damaged",
        actor="operator",
        now=clock.now(),
    )
    ship(f"{order_no}-1")

    assert timeline(merchant, order_no) == before


def test_number_of_queries_is_fixed(
    two_goods: World, merchant: Merchant, django_assert_max_num_queries: Any
) -> None:
    order_no = pay(merchant, items=[("A", 9), ("B", 9)])["order_no"]
    for _ in range(3):
        close(split(two_goods, f"{order_no}-1", {1: 1, 2: 1}), None)

    with django_assert_max_num_queries(10):  # key and limits among them
        merchant.api.get(f"/orders/{order_no}/timeline")


def test_unknown_parameter_is_refused(two_goods: World, merchant: Merchant) -> None:
    order_no = place(merchant)["order_no"]

    response = merchant.api.get(f"/orders/{order_no}/timeline", line_no="1")

    assert (response.status_code, response.json()["code"]) == (400, "filter_not_allowed")


def test_order_of_another_merchant_is_not_found(
    two_goods: World, merchant: Merchant, stranger: Merchant
) -> None:
    order_no = place(merchant)["order_no"]

    for number in (order_no, f"{order_no}-1", "NONE"):
        response = stranger.api.get(f"/orders/{number}/timeline")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_refused_without_a_key_or_scope(two_goods: World, merchant: Merchant) -> None:
    path = f"/orders/{place(merchant)['order_no']}/timeline"

    answers = [api.get(path) for api in (Api(), merchant.api_with("orders:write"))]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (401, "key_missing"),
        (403, "scope_missing"),
    ]
