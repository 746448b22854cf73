"""Operators find orders by whatever they have at hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from orders.models import Order
from orders.selectors import search
from orders.selectors.search import find_orders
from tests.cast import CONSIGNEE, Merchant, World, make_merchant
from tests.orders.acts import pay, place, ship
from tests.staging import on_stage


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Merchant]:
    """X-1 was shipped to 张三; X-2 and Y-1 wait, for 李四 and 李四光."""
    with on_stage(django_db_blocker):
        world, merchant = World(), make_merchant("acme")
        world.open_pool_to(merchant)
        world.make_sku("A", north=100)
        paid = pay(merchant, "X-1", purchase_order_no="PO-7")["order_no"]
        ship(f"{paid}-1", waybill_no="SF1000001")
        place(merchant, "X-2", consignee={**CONSIGNEE, "name": "李四", "phone": "13900139000"})
        place(merchant, "Y-1", consignee={**CONSIGNEE, "name": "李四光", "phone": "13900139001"})
        yield merchant


@pytest.fixture
def merchant(stage: Merchant, db: None) -> Merchant:
    """Whose orders they are."""
    return stage


@pytest.fixture
def three_orders(stage: Merchant, db: None) -> dict[str, Order]:
    """The orders by their merchant's numbers."""
    return {order.merchant_order_no: order for order in Order.objects.all()}


def found(text: str) -> list[str]:
    """The merchant's numbers of what is found, the newest first."""
    names = dict(Order.objects.values_list("pk", "merchant_order_no"))
    return [names[order_id] for order_id in find_orders(text).order_ids]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("X-1", ["X-1"]),
        ("X-", ["X-2", "X-1"]),
        ("x-", []),
        (" Y-1 ", ["Y-1"]),
        ("PO-7", ["X-1"]),
        ("PO", ["X-1"]),
        ("SF1000001", ["X-1"]),
        ("SF1", ["X-1"]),
        ("13800138000", ["X-1"]),
        ("13900", ["Y-1", "X-2"]),
        ("张三", ["X-1"]),
        ("李四", ["Y-1", "X-2"]),
        ("李四光", ["Y-1"]),
        ("四光", []),
        ("%", []),
        ("_-1", []),
        ("", []),
        ("  ", []),
        ("\0", []),
        ("X" * 65, []),
        ("\ud7ff", []),
        ("\U0010ffff", []),
        ("\U0010ffff" * 3, []),
        ("'; DROP TABLE orders_order; --", []),
    ],
)
def test_orders_are_found_by_beginnings(
    three_orders: dict[str, Order], text: str, expected: list[str]
) -> None:
    assert found(text) == expected


def test_orders_are_found_by_our_own_numbers_in_small_letters_too(
    three_orders: dict[str, Order],
) -> None:
    order = three_orders["X-1"]
    part = order.suborders.get()

    for number in (order.order_no, part.order_no, part.shipments.get().shipment_no):
        assert found(number) == found(number.lower()) == ["X-1"]
    assert sorted(found(order.order_no[:6])) == ["X-1", "X-2", "Y-1"]


def test_erased_consignee_is_not_found(three_orders: dict[str, Order]) -> None:
    Order.objects.filter(merchant_order_no="X-1").update(consignee_name="", consignee_phone="")

    assert found("张三") == found("138") == []
    assert found("X-1") == ["X-1"]


def test_newest_are_found_when_many_have_the_name(merchant: Merchant, monkeypatch: Any) -> None:
    for number in range(4):
        place(merchant, f"M-{number}")
    limited = search.FIND.replace(f"LIMIT {search.MAX_FOUND + 1}", "LIMIT 3")
    monkeypatch.setattr(search, "FIND", limited)
    monkeypatch.setattr(search, "MAX_FOUND", 2)

    result = find_orders("张三")

    assert len(result.order_ids) == 3
    assert result.is_cut
    assert found("张三")[0] == "M-3"
    assert not find_orders("M-3").is_cut
