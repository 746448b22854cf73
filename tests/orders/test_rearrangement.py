"""Dividing a paid suborder, and giving it to another warehouse."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from accounts.models import LedgerEntry
from catalog.errors import PreviewOutdated
from catalog.models import Stock, StockHint, StockMovement
from openplatform.audit.models import AuditEntry
from openplatform.core.errors import DomainError, FieldInvalid, NotFound, Refusal
from orders.errors import OrderStateConflict, QuantityExceedsOrdered
from orders.models import Order, OrderEvent, OrderLine, Split, Suborder
from orders.services.rearrangement import move_suborder
from tests.cast import Merchant, World
from tests.orders.acts import pay, place, ship, stock_numbers, told
from tests.orders.changing import close, everything, move, require_conserved, split_off


@pytest.fixture
def goods(shop: World) -> World:
    """A in both warehouses, B in the north and none in the south, N in the north only."""
    shop.make_sku("A", price="10.00", north=50, south=10)
    shop.make_sku("B", price="20.00", north=50, south=0)
    shop.make_sku("N", price="3.33", north=50)
    return shop


@pytest.fixture
def order_no(goods: World, merchant: Merchant) -> str:
    """Paid, from the north: three of A, two of B: 70.00, and a freight of 14.00."""
    return str(pay(merchant, items=[("A", 3), ("B", 2)])["order_no"])


def parts_of(order_no: str) -> list[tuple[str, str, Decimal, Decimal, Decimal]]:
    return [
        (
            part.order_no.removeprefix(order_no),
            part.warehouse.code,
            part.goods_amount,
            part.freight_amount,
            part.total_amount,
        )
        for part in Suborder.objects.filter(order__order_no=order_no).order_by("id")
    ]


def lines_of(order_no: str) -> list[tuple[str, int, int | None, str, int, Decimal]]:
    lines = OrderLine.objects.filter(order__order_no=order_no).order_by("line_no")
    return [
        (
            line.suborder.order_no.removeprefix(order_no),
            line.line_no,
            line.origin_line_no,
            line.sku_code,
            line.quantity,
            line.amount,
        )
        for line in lines
    ]


def test_part_of_a_line_gets_a_number_of_its_own_when_it_is_split_off(
    merchant: Merchant, order_no: str
) -> None:
    before = Order.objects.get()

    split = split_off(f"{order_no}-1", {1: 2})

    assert parts_of(order_no) == [
        ("-1", "north", Decimal("50.00"), Decimal("10.00"), Decimal("60.00")),
        ("-2", "south", Decimal("20.00"), Decimal("4.00"), Decimal("24.00")),
    ]
    assert lines_of(order_no) == [
        ("-1", 1, None, "A", 1, Decimal("10.00")),
        ("-1", 2, None, "B", 2, Decimal("40.00")),
        ("-2", 3, 1, "A", 2, Decimal("20.00")),
    ]
    made = Suborder.objects.latest("pk")
    assert made.split_from is not None
    assert (made.split_from.order_no, made.status) == (f"{order_no}-1", "awaiting_shipment")
    order = Order.objects.get()
    assert (order.goods_amount, order.freight_amount, order.total_amount, order.status) == (
        before.goods_amount, before.freight_amount, before.total_amount, "paid"
    )  # fmt: skip
    assert (split.source.order_no, split.suborder, split.goods_amount, split.freight_amount) == (
        f"{order_no}-1", made, Decimal("20.00"), Decimal("4.00")
    )  # fmt: skip
    assert split.lines == [
        {"line_no": "3", "origin_line_no": "1", "sku": "A", "quantity": 2, "amount": "20.00"}
    ]
    require_conserved()


def test_line_keeps_its_number_when_all_of_it_is_split_off(order_no: str) -> None:
    split = split_off(f"{order_no}-1", {1: 3})

    assert lines_of(order_no) == [
        ("-2", 1, None, "A", 3, Decimal("30.00")),
        ("-1", 2, None, "B", 2, Decimal("40.00")),
    ]
    assert [row["line_no"] for row in split.lines] == ["1"]
    require_conserved()


def test_message_carries_both_parts_when_a_suborder_is_split(
    merchant: Merchant, order_no: str
) -> None:
    split_off(f"{order_no}-1", {1: 2})

    message = told(merchant)[-1]
    assert (message.type, message.data["changed"]) == (
        "order.split", [f"{order_no}-1", f"{order_no}-2"]
    )  # fmt: skip
    document = merchant.api.get(f"/orders/{order_no}").json()
    assert message.data["order"] == document
    assert (document["version"], document["is_split"]) == (3, True)
    made = document["suborders"][1]
    line = made["lines"][0]
    assert (made["split_from"], line["line_no"], line["origin_line_no"]) == (
        f"{order_no}-1", "3", "1"
    )  # fmt: skip
    child = merchant.api.get(f"/orders/{order_no}-2").json()
    assert (child["parent_order_no"], child["total_amount"]) == (order_no, "24.00")


@pytest.mark.parametrize(
    ("restock", "north", "cause"), [(True, 49, "restocked"), (False, 47, "written_off")]
)
def test_other_warehouse_takes_over_when_units_are_split_off(
    order_no: str, restock: bool, north: int, cause: str
) -> None:
    assert stock_numbers("A") == (47, 0, 3)

    split_off(f"{order_no}-1", {1: 2}, restock=restock)

    assert stock_numbers("A") == (north, 0, 1)
    assert stock_numbers("A", "south") == (8, 0, 2)
    assert list(
        StockMovement.objects.order_by("pk").values_list("cause", "document_no", "outgoing_change")
    )[-2:] == [("taken_over", f"{order_no}-2", 2), (cause, f"{order_no}-1", -2)]
    require_conserved()


def test_no_stock_moves_when_the_same_warehouse_sends_two_parcels(order_no: str) -> None:
    moved = StockMovement.objects.count()

    split_off(f"{order_no}-1", {1: 2, 2: 1}, to="north")

    assert StockMovement.objects.count() == moved
    assert stock_numbers("A") == (47, 0, 3)
    assert [part[1] for part in parts_of(order_no)] == ["north", "north"]
    require_conserved()


def test_parts_ship_by_themselves_when_a_suborder_was_split(order_no: str) -> None:
    split_off(f"{order_no}-1", {1: 2})

    ship(f"{order_no}-2")

    assert list(Suborder.objects.order_by("id").values_list("status", flat=True)) == [
        "awaiting_shipment", "shipped"
    ]  # fmt: skip
    assert Order.objects.get().status == "partly_shipped"
    assert stock_numbers("A", "south") == (8, 0, 0)
    require_conserved()


def test_split_of_a_split_counts_on(order_no: str) -> None:
    split_off(f"{order_no}-1", {1: 2})
    split_off(f"{order_no}-2", {3: 1}, to="north")

    assert lines_of(order_no)[2:] == [
        ("-2", 3, 1, "A", 1, Decimal("10.00")),
        ("-3", 4, 3, "A", 1, Decimal("10.00")),
    ]
    made = Suborder.objects.get(order_no=f"{order_no}-3")
    assert made.split_from is not None
    assert made.split_from.order_no == f"{order_no}-2"
    assert sum(part[3] for part in parts_of(order_no)) == Decimal("14.00")
    require_conserved()


def test_closed_units_and_their_refund_stay_when_the_rest_is_split(order_no: str) -> None:
    close(f"{order_no}-1", {1: 1}, refund_freight=False)

    split_off(f"{order_no}-1", {1: 2})

    assert lines_of(order_no) == [
        ("-1", 1, None, "A", 1, Decimal("10.00")),
        ("-1", 2, None, "B", 2, Decimal("40.00")),
        ("-2", 3, 1, "A", 2, Decimal("20.00")),
    ]
    # 14.00 of freight by what is left to ship: 40.00 stays, 20.00 goes
    assert [part[3] for part in parts_of(order_no)] == [Decimal("9.33"), Decimal("4.67")]
    assert Suborder.objects.get(order_no=f"{order_no}-2").refunded_amount == 0
    require_conserved()


def test_freight_that_was_refunded_is_not_divided_again(order_no: str) -> None:
    close(f"{order_no}-1", {1: 1}, refund_freight=True)

    split_off(f"{order_no}-1", {1: 2})
    closure = close(f"{order_no}-2")

    assert [part[3] for part in parts_of(order_no)] == [Decimal("14.00"), Decimal("0.00")]
    assert closure.amount == Decimal("20.00")
    require_conserved()


def test_history_and_trail_tell_who_split_and_why(order_no: str) -> None:
    split_off(f"{order_no}-1", {1: 2}, restock=False)

    event = OrderEvent.objects.latest("pk")
    assert (event.subject_no, event.from_status, event.to_status, event.actor, event.reason) == (
        f"{order_no}-2", "", "awaiting_shipment", "operator", "damaged"
    )  # fmt: skip
    entry = AuditEntry.objects.get(action="split_suborder")
    assert (entry.actor, entry.reason, entry.subject_label) == (
        "operator", "damaged", f"{order_no}-1"
    )  # fmt: skip
    assert entry.before == {"goods_amount": "70.00", "freight_amount": "14.00"}
    assert entry.after == {
        "goods_amount": "50.00",
        "freight_amount": "10.00",
        "suborder_no": f"{order_no}-2",
        "split_units": {"A": 2},
        "to_warehouse": "south",
        "is_restocked": False,
    }


def test_other_warehouse_ships_when_a_suborder_is_moved(goods: World, merchant: Merchant) -> None:
    order_no = pay(merchant, items=[("A", 3)])["order_no"]
    before = [part[2:] for part in parts_of(order_no)]

    split = move(f"{order_no}-1")

    assert [part[1] for part in parts_of(order_no)] == ["south"]
    assert [part[2:] for part in parts_of(order_no)] == before
    assert (split.source, split.suborder) == (Suborder.objects.get(), Suborder.objects.get())
    assert (split.from_warehouse.code, split.to_warehouse.code) == ("north", "south")
    assert (stock_numbers("A"), stock_numbers("A", "south")) == ((50, 0, 0), (7, 0, 3))
    message = told(merchant)[-1]
    assert (message.type, message.data["changed"]) == ("order.updated", [f"{order_no}-1"])
    assert message.data["order"]["version"] == 3
    entry = AuditEntry.objects.get(action="move_suborder")
    assert (entry.before, entry.after) == (
        {"warehouse": "north"}, {"warehouse": "south", "is_restocked": True}
    )  # fmt: skip
    require_conserved()


def test_closed_units_stay_where_they_are_when_the_rest_is_moved(
    goods: World, merchant: Merchant
) -> None:
    order_no = pay(merchant, items=[("A", 3)])["order_no"]
    close(f"{order_no}-1", {1: 1})

    move(f"{order_no}-1", restock=False)

    assert (stock_numbers("A"), stock_numbers("A", "south")) == ((48, 0, 0), (8, 0, 2))
    require_conserved()


def test_stock_is_looked_at_again_when_a_warehouse_gives_away_its_last_units(
    goods: World, merchant: Merchant
) -> None:
    order_no = pay(merchant, items=[("A", 10)])["order_no"]
    StockHint.objects.all().delete()

    move(f"{order_no}-1")

    assert stock_numbers("A", "south") == (0, 0, 10)
    assert StockHint.objects.exists()


def test_no_money_moves_when_suborders_are_split_and_moved(
    goods: World, merchant: Merchant
) -> None:
    order_no = pay(merchant, items=[("A", 3)])["order_no"]
    entries = LedgerEntry.objects.count()

    split_off(f"{order_no}-1", {1: 1})
    move(f"{order_no}-1")

    assert LedgerEntry.objects.count() == entries


@pytest.mark.parametrize("quantities", [{2: 1}, {1: 2, 2: 2}])
def test_nothing_is_split_when_the_other_warehouse_holds_too_little(
    order_no: str, quantities: dict[int, int]
) -> None:
    before = everything()

    with pytest.raises(Refusal) as refused:
        split_off(f"{order_no}-1", quantities)

    assert [(fault.code, fault.pointer, fault.facts) for fault in refused.value.faults] == [
        ("stock_insufficient", "/to_warehouse", {"line_no": "2"})
    ]
    assert everything() == before


def test_nothing_is_moved_when_the_other_warehouse_never_held_it(
    goods: World, merchant: Merchant
) -> None:
    order_no = pay(merchant, items=[("N", 1)])["order_no"]
    before = everything()

    with pytest.raises(Refusal) as refused:
        move(f"{order_no}-1")

    assert refused.value.first.code == "stock_insufficient"
    assert everything() == before


def test_units_kept_for_safety_are_not_taken_over(goods: World, merchant: Merchant) -> None:
    order_no = pay(merchant, items=[("A", 3)])["order_no"]
    Stock.objects.filter(warehouse=goods.south, sku__code="A").update(safety_quantity=8)
    before = everything()

    with pytest.raises(Refusal):
        move(f"{order_no}-1")

    assert everything() == before


@pytest.mark.parametrize("state", ["pending", "cancelled", "partly_shipped", "shipped", "closed"])
def test_nothing_is_rearranged_when_the_suborder_does_not_await_shipment(
    goods: World, merchant: Merchant, state: str
) -> None:
    act = place if state in ("pending", "cancelled") else pay
    order_no = act(merchant, items=[("A", 3)])["order_no"]
    if state == "cancelled":
        merchant.api.post(f"/orders/{order_no}/cancel")
    elif state == "partly_shipped":
        ship(f"{order_no}-1", {1: 1})
    elif state == "shipped":
        ship(f"{order_no}-1")
    elif state == "closed":
        close(f"{order_no}-1")
    before = everything()

    with pytest.raises(OrderStateConflict):
        split_off(f"{order_no}-1", {1: 1})
    with pytest.raises(OrderStateConflict):
        move(f"{order_no}-1")

    assert everything() == before


@pytest.mark.parametrize(
    ("quantities", "error"),
    [
        ({1: 4}, QuantityExceedsOrdered),
        ({3: 1}, FieldInvalid),
        ({1: 0}, FieldInvalid),
        ({}, FieldInvalid),
        ({1: 3, 2: 2}, FieldInvalid),  # nothing would stay
    ],
)
def test_nothing_is_split_when_the_quantities_are_not_left(
    order_no: str, quantities: dict[int, int], error: type[DomainError]
) -> None:
    before = everything()

    with pytest.raises(error):
        split_off(f"{order_no}-1", quantities, to="north")

    assert everything() == before


def test_nothing_is_moved_when_the_warehouse_is_the_same_or_unknown(order_no: str) -> None:
    before = everything()
    part = Suborder.objects.get()

    with pytest.raises(FieldInvalid):
        move(part.order_no, to="north")
    with pytest.raises(FieldInvalid):
        move_suborder(
            suborder_no=part.order_no,
            to_warehouse_id=0,
            restock=True,
            reason="x",
            actor="operator",
            now=part.order.created_at,
        )

    assert everything() == before


@pytest.mark.parametrize("act", ["split", "move"])
def test_nothing_is_rearranged_when_the_order_changed_since_somebody_looked(
    order_no: str, act: str
) -> None:
    close(f"{order_no}-1", {2: 2})
    before = everything()
    acts: dict[str, Any] = {
        "split": lambda: split_off(f"{order_no}-1", {1: 1}, expected_version=2),
        "move": lambda: move(f"{order_no}-1", expected_version=2),
    }

    with pytest.raises(PreviewOutdated):
        acts[act]()

    assert everything() == before


def test_nothing_is_found_when_the_number_is_unknown(order_no: str) -> None:
    with pytest.raises(NotFound):
        split_off(f"{order_no}-9", {1: 1})
    with pytest.raises(NotFound):
        move(order_no)

    assert not Split.objects.exists()
