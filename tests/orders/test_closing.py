"""Closing what was paid and will not be shipped."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from accounts.models import LedgerEntry, Wallet
from accounts.services.books import verify_books
from catalog.errors import PreviewOutdated
from catalog.models import StockMovement
from openplatform.audit.models import AuditEntry
from openplatform.connectors.parcels import ParcelStatus
from openplatform.core import clock
from openplatform.core.errors import DomainError, FieldInvalid, NotFound
from orders.errors import OrderStateConflict, QuantityExceedsOrdered
from orders.models import Closure, ClosureLine, Order, OrderEvent, OrderLine, Suborder
from orders.services.parcel_progress import follow_parcel
from tests.accounts.damaging import books_db, repeatable_read  # noqa: F401 - fixtures
from tests.cast import Merchant, World
from tests.orders.acts import pay, place, ship, stock_numbers, told
from tests.orders.changing import close, close_all, everything, require_conserved, split_off


@pytest.fixture
def goods(shop: World) -> World:
    """A and B in the north, S in the south only."""
    shop.make_sku("A", price="10.00", north=50)
    shop.make_sku("B", price="20.00", north=50)
    shop.make_sku("S", price="3.33", south=50)
    return shop


@pytest.fixture
def order_no(goods: World, merchant: Merchant) -> str:
    """Paid: three of A and two of B, which weigh 2.5 kg: 70.00 and a freight of 14.00."""
    return str(pay(merchant, items=[("A", 3), ("B", 2)])["order_no"])


def balance() -> Decimal:
    return Wallet.objects.get().balance


def numbers_of(line_no: int) -> tuple[int, int, int, int, Decimal]:
    """Quantity, shipped, closed, refunded; the refund."""
    line = OrderLine.objects.get(line_no=line_no)
    return (
        line.quantity,
        line.shipped_quantity,
        line.closed_quantity,
        line.refunded_quantity,
        line.refunded_amount,
    )


def statuses(order_no: str) -> tuple[str, list[str]]:
    order = Order.objects.get(order_no=order_no)
    return order.status, [part.status for part in order.suborders.order_by("id")]


def test_units_are_refunded_and_sold_again_when_a_part_of_a_line_is_closed(
    merchant: Merchant, order_no: str
) -> None:
    before = balance()

    closure = close(f"{order_no}-1", {1: 2})

    assert (closure.goods_amount, closure.freight_amount, closure.amount) == (
        Decimal("20.00"), Decimal("0.00"), Decimal("20.00")
    )  # fmt: skip
    assert numbers_of(1) == (3, 0, 2, 2, Decimal("20.00"))
    assert numbers_of(2) == (2, 0, 0, 0, Decimal("0.00"))
    assert [(row.line.line_no, row.quantity, row.amount) for row in ClosureLine.objects.all()] == [
        (1, 2, Decimal("20.00"))
    ]
    part = Suborder.objects.get()
    assert (part.total_amount, part.refunded_amount) == (Decimal("84.00"), Decimal("20.00"))
    assert Order.objects.get().refunded_amount == Decimal("20.00")
    assert statuses(order_no) == ("paid", ["awaiting_shipment"])
    assert balance() == before + 20
    assert stock_numbers("A") == (49, 0, 1)
    require_conserved()


def test_refund_names_its_order_and_message_carries_the_tree_when_units_are_closed(
    merchant: Merchant, order_no: str
) -> None:
    closure = close(f"{order_no}-1", {1: 2})

    entry = LedgerEntry.objects.get(kind="refund")
    assert (entry.document, entry.document_no, entry.order_no, entry.suborder_no, entry.note) == (
        "closure", closure.closure_no, order_no, f"{order_no}-1", "sold out"
    )  # fmt: skip
    message = told(merchant)[-1]
    assert (message.type, message.data["changed"]) == ("order.updated", [f"{order_no}-1"])
    order = message.data["order"]
    assert (order["version"], order["refunded_amount"]) == (3, "20.00")
    assert order["suborders"][0]["lines"][0]["refunded_quantity"] == 2
    assert order == merchant.api.get(f"/orders/{order_no}").json()


def test_trail_tells_who_closed_what_and_why(order_no: str) -> None:
    closure = close(f"{order_no}-1", {1: 2}, restock=False)

    entry = AuditEntry.objects.get(action="close_lines")
    assert (entry.actor, entry.reason, entry.subject_label) == (
        "operator", "sold out", f"{order_no}-1"
    )  # fmt: skip
    assert entry.before == {"refunded_amount": "0.00"}
    assert entry.after == {
        "refunded_amount": "20.00",
        "closure_no": closure.closure_no,
        "closed_units": {"A": 2},
        "freight_amount": "0.00",
        "is_restocked": False,
    }


def test_units_leave_the_books_when_they_are_written_off(order_no: str) -> None:
    close(f"{order_no}-1", {1: 2}, restock=False)

    assert stock_numbers("A") == (47, 0, 1)
    movement = StockMovement.objects.latest("pk")
    assert (movement.cause, movement.on_hand_change, movement.outgoing_change) == (
        "written_off", 0, -2
    )  # fmt: skip
    assert movement.document_no == f"{order_no}-1"


def test_everything_goes_back_with_the_freight_when_nothing_was_shipped(
    merchant: Merchant, order_no: str
) -> None:
    before = balance()

    closure = close(f"{order_no}-1")

    assert (closure.goods_amount, closure.freight_amount) == (Decimal("70.00"), Decimal("14.00"))
    assert balance() == before + 84
    assert statuses(order_no) == ("closed", ["closed"])
    order = Order.objects.get()
    assert (order.refunded_amount, order.close_reason) == (Decimal("84.00"), "sold out")
    assert order.closed_at is not None
    assert stock_numbers("A") == (50, 0, 0)
    assert stock_numbers("B") == (50, 0, 0)
    message = told(merchant)[-1]
    assert (message.type, message.data["changed"]) == (
        "order.status_changed", [order_no, f"{order_no}-1"]
    )  # fmt: skip
    assert [
        (event.subject_no, event.from_status, event.to_status, event.reason)
        for event in OrderEvent.objects.order_by("-id")[:2]
    ] == [
        (order_no, "paid", "closed", "sold out"),
        (f"{order_no}-1", "awaiting_shipment", "closed", "sold out"),
    ]
    require_conserved()


def test_freight_goes_back_with_the_last_units_when_they_are_closed_in_two_goes(
    order_no: str,
) -> None:
    first = close(f"{order_no}-1", {1: 3})
    second = close(f"{order_no}-1", {2: 2})

    assert (first.amount, second.amount) == (Decimal("30.00"), Decimal("54.00"))
    assert Order.objects.get().refunded_amount == Decimal("84.00")
    assert statuses(order_no) == ("closed", ["closed"])
    require_conserved()


@pytest.mark.parametrize(
    ("quantities", "refund_freight", "freight"),
    [
        ({1: 1}, True, "14.00"),
        ({1: 1}, False, "0.00"),
        (None, False, "0.00"),
        (None, True, "14.00"),
    ],
)
def test_freight_goes_back_when_the_operator_says_so(
    order_no: str, quantities: dict[int, int] | None, refund_freight: bool, freight: str
) -> None:
    closure = close(f"{order_no}-1", quantities, refund_freight=refund_freight)

    assert closure.freight_amount == Decimal(freight)
    assert Suborder.objects.get().refunded_freight_amount == Decimal(freight)
    require_conserved()


def test_freight_goes_back_once_when_it_is_asked_for_twice(order_no: str) -> None:
    close(f"{order_no}-1", {1: 1}, refund_freight=True)
    again = close(f"{order_no}-1", refund_freight=True)

    assert again.freight_amount == Decimal("0.00")
    assert Order.objects.get().refunded_amount == Decimal("84.00")
    require_conserved()


def test_order_is_shipped_and_keeps_its_freight_when_the_rest_of_it_is_closed(
    merchant: Merchant, order_no: str
) -> None:
    ship(f"{order_no}-1", {1: 3})

    closure = close(f"{order_no}-1")

    assert closure.amount == Decimal("40.00")
    assert statuses(order_no) == ("shipped", ["shipped"])
    assert Suborder.objects.get().shipped_at is not None
    assert stock_numbers("B") == (50, 0, 0)
    message = told(merchant)[-1]
    assert (message.type, message.data["changed"]) == (
        "order.status_changed", [order_no, f"{order_no}-1"]
    )  # fmt: skip
    require_conserved()


def test_what_is_left_is_shipped_when_some_units_were_closed(order_no: str) -> None:
    close(f"{order_no}-1", {1: 2})

    ship(f"{order_no}-1")

    assert numbers_of(1) == (3, 1, 2, 2, Decimal("20.00"))
    assert statuses(order_no) == ("shipped", ["shipped"])
    require_conserved()


def test_only_what_waits_is_closed_when_the_whole_order_is(
    goods: World, merchant: Merchant
) -> None:
    order_no = pay(merchant, items=[("A", 3), ("S", 2)])["order_no"]
    split_off(f"{order_no}-1", {1: 1}, to="north")
    ship(f"{order_no}-2")

    closures = close_all(order_no)

    assert [(row.suborder.order_no, row.goods_amount) for row in closures] == [
        (f"{order_no}-1", Decimal("20.00")),
        (f"{order_no}-3", Decimal("10.00")),
    ]
    assert statuses(order_no) == ("shipped", ["closed", "shipped", "closed"])
    freights = [part.refunded_freight_amount for part in Suborder.objects.order_by("id")]
    assert freights == [Decimal("6.67"), Decimal("0.00"), Decimal("3.33")]
    refunds = LedgerEntry.objects.filter(kind="refund").order_by("entry_no")
    assert [(row.suborder_no, row.amount) for row in refunds] == [
        (f"{order_no}-1", Decimal("26.67")),
        (f"{order_no}-3", Decimal("13.33")),
    ]
    message = told(merchant)[-1]
    assert (message.type, message.data["changed"]) == (
        "order.status_changed", [order_no, f"{order_no}-1", f"{order_no}-3"]
    )  # fmt: skip
    assert [row.data["order"]["version"] for row in told(merchant)] == [1, 1, 2, 3, 4, 5, 6]
    require_conserved()


@pytest.mark.parametrize("state", ["pending", "cancelled", "shipped", "closed"])
def test_nothing_is_closed_when_nothing_waits_for_shipment(
    goods: World, merchant: Merchant, state: str
) -> None:
    order_no = (place if state in ("pending", "cancelled") else pay)(merchant)["order_no"]
    if state == "cancelled":
        merchant.api.post(f"/orders/{order_no}/cancel")
    elif state == "shipped":
        ship(f"{order_no}-1")
    elif state == "closed":
        close(f"{order_no}-1")
    before = everything()

    with pytest.raises(OrderStateConflict):
        close(f"{order_no}-1")
    with pytest.raises(OrderStateConflict):
        close_all(order_no)

    assert everything() == before


@pytest.mark.parametrize(
    ("quantities", "error"),
    [
        ({1: 4}, QuantityExceedsOrdered),
        ({1: 1, 2: 3}, QuantityExceedsOrdered),
        ({3: 1}, FieldInvalid),
        ({1: 0}, FieldInvalid),
        ({1: -1}, FieldInvalid),
        ({}, FieldInvalid),
    ],
)
def test_nothing_is_closed_when_the_quantities_are_not_left(
    order_no: str, quantities: dict[int, int], error: type[DomainError]
) -> None:
    before = everything()

    with pytest.raises(error):
        close(f"{order_no}-1", quantities)

    assert everything() == before


def test_units_are_closed_once_when_they_are_closed_again(order_no: str) -> None:
    close(f"{order_no}-1", {1: 2})
    before = everything()

    with pytest.raises(QuantityExceedsOrdered) as refused:
        close(f"{order_no}-1", {1: 2})

    assert refused.value.facts == {"line_no": "1", "left": 1}
    assert everything() == before


@pytest.mark.parametrize("act", [close, close_all])
def test_nothing_is_closed_when_the_order_changed_since_somebody_looked(
    order_no: str, act: Any
) -> None:
    close(f"{order_no}-1", {1: 1})
    before = everything()

    with pytest.raises(PreviewOutdated):
        act(order_no if act is close_all else f"{order_no}-1", expected_version=2)

    assert everything() == before


def test_nothing_is_found_when_the_number_is_unknown(order_no: str) -> None:
    with pytest.raises(NotFound):
        close(f"{order_no}-9")
    with pytest.raises(NotFound):
        close_all("250101NOBODY")


def test_nothing_is_closed_when_the_wallet_cannot_take_the_refund(order_no: str) -> None:
    Wallet.objects.update(balance=Decimal("999999999990.00"))
    before = everything()

    with pytest.raises(FieldInvalid):
        close(f"{order_no}-1")

    assert everything() == before
    assert not AuditEntry.objects.filter(action="close_lines").exists()


def test_books_agree_when_orders_were_closed(
    books_db: None,  # noqa: F811
    goods: World,
    merchant: Merchant,
) -> None:
    whole = pay(merchant, "M-whole", items=[("A", 3), ("S", 2)])["order_no"]
    partly = pay(merchant, "M-partly", items=[("A", 3)])["order_no"]
    close_all(whole)
    close(f"{partly}-1", {1: 1})

    report = verify_books()

    assert report.differences == []
    assert Closure.objects.count() == 3


def test_order_is_delivered_when_all_its_parcels_were_and_the_rest_is_closed(
    order_no: str,
) -> None:
    ship(f"{order_no}-1", {1: 3})
    with transaction.atomic():
        follow_parcel(
            carrier_code="sf",
            waybill_no="SF-1",
            status=ParcelStatus.DELIVERED,
            delivered_at=None,
            now=clock.now(),
        )
    assert statuses(order_no) == ("partly_shipped", ["partly_shipped"])

    close(f"{order_no}-1")

    assert statuses(order_no) == ("delivered", ["delivered"])
    require_conserved()
