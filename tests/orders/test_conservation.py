"""Money and units of an order, whatever is done to it and in whatever order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.services.books import verify_books
from openplatform.core.errors import DomainError
from orders.models import Order, OrderLine, Suborder
from tests.accounts.damaging import books_db, repeatable_read  # noqa: F401 - fixtures
from tests.cast import Merchant, World
from tests.orders.acts import pay, ship
from tests.orders.changing import close, close_all, move, require_conserved, split_off

PRICES = ("0.01", "3.33", "10.00", "99.99")
NUMBERS = count(1)


@dataclass(frozen=True)
class Act:
    """Something that an operator does to one of the suborders there are by then."""

    kind: str
    part: int
    units: tuple[int, ...]
    warehouse: str
    restock: bool
    refund_freight: bool | None


acts = st.builds(
    Act,
    kind=st.sampled_from(["split", "split", "move", "close", "close", "close_all", "ship"]),
    part=st.integers(0, 9),
    units=st.tuples(*[st.integers(0, 3)] * len(PRICES)),
    warehouse=st.sampled_from(["north", "south"]),
    restock=st.booleans(),
    refund_freight=st.sampled_from([None, None, True, False]),
)


def perform(act: Act, order: Order) -> None:
    """Do it with the units that are left, or with all of them when it names none."""
    parts = list(order.suborders.order_by("id"))
    part = parts[act.part % len(parts)]
    quantities = quantities_of(act, part) or None
    deeds: dict[str, Callable[[], object]] = {
        "split": lambda: split_off(
            part.order_no, quantities or {}, to=act.warehouse, restock=act.restock
        ),
        "move": lambda: move(part.order_no, to=act.warehouse, restock=act.restock),
        "close": lambda: close(
            part.order_no, quantities, restock=act.restock, refund_freight=act.refund_freight
        ),
        "close_all": lambda: close_all(
            order.order_no, restock=act.restock, refund_freight=act.refund_freight
        ),
        "ship": lambda: ship(part.order_no, quantities, waybill_no=f"SF-{next(NUMBERS)}"),
    }
    deeds[act.kind]()


def quantities_of(act: Act, part: Suborder) -> dict[int, int]:
    """As many of each line as are left, at most."""
    wanted = {
        line.line_no: min(units, line.left_quantity)
        for line, units in zip(part.lines.order_by("line_no"), act.units, strict=False)
    }
    return {line_no: units for line_no, units in wanted.items() if units}


def total_units(order: Order) -> dict[str, int]:
    units: dict[str, int] = {}
    for line in OrderLine.objects.filter(order=order):
        units[line.sku_code] = units.get(line.sku_code, 0) + line.quantity
    return units


@pytest.fixture
def paid_goods(books_db: None, shop: World) -> World:  # noqa: F811
    """Goods of odd prices in both warehouses, with little of some in the south."""
    for number, price in enumerate(PRICES):
        shop.make_sku(f"S{number}", price=price, north=5000, south=2 if number % 2 else 5000)
    return shop


def test_money_and_units_are_conserved_whatever_is_done_in_whatever_order(
    paid_goods: World, merchant: Merchant
) -> None:
    @settings(max_examples=25, deadline=None, database=None)
    @given(
        quantities=st.tuples(*[st.integers(1, 5)] * len(PRICES)),
        series=st.lists(acts, max_size=8),
    )
    def try_out(quantities: tuple[int, ...], series: list[Act]) -> None:
        items = [(f"S{number}", units) for number, units in enumerate(quantities)]
        order_no = pay(merchant, f"M-{next(NUMBERS)}", items=items)["order_no"]
        order = Order.objects.get(order_no=order_no)
        paid = order.total_amount
        for act in series:
            version, is_done = order.version, True
            try:
                perform(act, order)
            except DomainError:
                is_done = False  # the version below tells that nothing was changed
            order.refresh_from_db()
            assert (order.version > version, order.total_amount) == (is_done, paid)
            assert total_units(order) == dict(items)
        require_conserved(order_no)

    try_out()

    require_conserved()
    assert verify_books().differences == []


def test_whole_price_comes_back_when_every_unit_is_closed_one_by_one(
    paid_goods: World, merchant: Merchant
) -> None:
    order = Order.objects.get(order_no=pay(merchant, items=[("S1", 3), ("S3", 1)])["order_no"])
    split_off(f"{order.order_no}-1", {1: 1}, to="north")
    split_off(f"{order.order_no}-1", {2: 1}, to="south")
    amounts: list[Decimal] = []

    for line in OrderLine.objects.order_by("line_no").select_related("suborder"):
        for _unit in range(line.quantity):
            amounts.append(close(line.suborder.order_no, {line.line_no: 1}).amount)

    assert sum(amounts) == order.total_amount
    order.refresh_from_db()
    assert (order.status, order.refunded_amount) == ("closed", order.total_amount)
    require_conserved()
