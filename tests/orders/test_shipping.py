"""Goods leave the warehouse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from catalog.models import StockMovement
from openplatform.core.errors import DomainError, FieldInvalid, NotFound
from openplatform.core.locking import NotInTransaction, transactional
from openplatform.messaging.models import Outbox
from orders.errors import OrderStateConflict, QuantityExceedsOrdered
from orders.models import Carrier, Order, OrderEvent, OrderLine, Shipment, ShipmentLine, Suborder
from orders.services.cancellation import expire_due_orders
from orders.services.shipping import add_shipment, ship_suborder
from tests.cast import Merchant, World
from tests.orders.acts import let_expire, pay, place, ship, stock_numbers, told
from tests.racing import race

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def statuses(order_no: str) -> tuple[str, list[str]]:
    """Of the order, and of its parts."""
    order = Order.objects.get(order_no=order_no)
    return order.status, list(order.suborders.order_by("id").values_list("status", flat=True))


def assert_nothing_shipped() -> None:
    assert not Shipment.objects.exists()
    assert not ShipmentLine.objects.exists()
    assert not OrderLine.objects.exclude(shipped_quantity=0).exists()
    assert not StockMovement.objects.filter(cause="shipped").exists()
    assert not Outbox.objects.filter(type="shipment.created").exists()


def test_part_is_shipped_when_one_parcel_holds_all(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    shop.make_sku("B", north=10)
    order_no = pay(merchant, items=[("A", 3), ("B", 1)])["order_no"]

    shipment = ship_suborder(
        suborder_no=f"{order_no}-1",
        carrier_code="sf",
        waybill_no="SF-1",
        shipped_at=NOON,
        actor="operator",
        now=NOON + timedelta(hours=1),
    )

    assert statuses(order_no) == ("shipped", ["shipped"])
    assert (shipment.waybill_no, shipment.shipped_at, shipment.actor) == ("SF-1", NOON, "operator")
    assert shipment.shipment_no.startswith("S260131")
    assert list(shipment.lines.order_by("line").values_list("line__line_no", "quantity")) == [
        (1, 3),
        (2, 1),
    ]
    assert list(OrderLine.objects.values_list("shipped_quantity", flat=True)) == [3, 1]
    assert (stock_numbers("A"), stock_numbers("B")) == ((7, 0, 0), (9, 0, 0))
    movements = StockMovement.objects.filter(cause="shipped").order_by("stock")
    assert [(moved.outgoing_change, moved.document_no) for moved in movements] == [
        (-3, f"{order_no}-1"),
        (-1, f"{order_no}-1"),
    ]
    part = Suborder.objects.get()
    assert part.shipped_at == NOON
    order = Order.objects.get()
    assert (order.version, order.updated_at) == (4, NOON + timedelta(hours=1))


def test_part_is_partly_shipped_until_the_last_unit_has_left(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=10)
    shop.make_sku("B", north=10)
    order_no = pay(merchant, items=[("A", 3), ("B", 1)])["order_no"]
    seen = []

    for waybill_no, quantities in (("1", {1: 2}), ("2", {1: 1}), ("3", {2: 1})):
        ship(f"{order_no}-1", quantities, waybill_no=waybill_no)
        seen.append((statuses(order_no), stock_numbers("A")[2], Order.objects.get().version))

    assert seen == [
        (("partly_shipped", ["partly_shipped"]), 1, 4),
        (("partly_shipped", ["partly_shipped"]), 0, 5),
        (("shipped", ["shipped"]), 0, 7),
    ]
    assert list(OrderLine.objects.values_list("shipped_quantity", flat=True)) == [3, 1]


def test_what_is_left_goes_when_no_quantities_are_named(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    shop.make_sku("B", north=10)
    order_no = pay(merchant, items=[("A", 3), ("B", 1)])["order_no"]
    ship(f"{order_no}-1", {1: 3}, waybill_no="1")

    shipment = ship(f"{order_no}-1", waybill_no="2")

    assert list(shipment.lines.values_list("line__line_no", "quantity")) == [(2, 1)]
    assert statuses(order_no) == ("shipped", ["shipped"])


def test_order_follows_its_least_advanced_part(shop: World, merchant: Merchant) -> None:
    shop.make_sku("N", north=5)
    shop.make_sku("S", south=5)
    order_no = pay(merchant, items=[("N", 1), ("S", 1)])["order_no"]
    seen = []

    for part in (2, 1):
        ship(f"{order_no}-{part}")
        seen.append(statuses(order_no))

    assert seen == [
        ("partly_shipped", ["awaiting_shipment", "shipped"]),
        ("shipped", ["shipped", "shipped"]),
    ]


def test_messages_carry_the_whole_order_as_it_is_then(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant, items=[("A", 3)])["order_no"]
    first = ship(f"{order_no}-1", {1: 1}, waybill_no="1")
    after_first = merchant.api.get(f"/orders/{order_no}").json()
    second = ship(f"{order_no}-1", {1: 1}, waybill_no="2")
    after_second = merchant.api.get(f"/orders/{order_no}").json()

    messages = told(merchant)[2:]

    changed = [order_no, f"{order_no}-1"]
    assert [(message.type, message.data) for message in messages] == [
        ("shipment.created",
         {"order": {**after_first, "version": 3}, "changed": [first.shipment_no]}),
        ("order.status_changed", {"order": after_first, "changed": changed}),
        # The second parcel leaves the order partly shipped, as it was.
        ("shipment.created", {"order": after_second, "changed": [second.shipment_no]}),
    ]  # fmt: skip
    assert [message.data["order"]["version"] for message in messages] == [3, 4, 5]


def test_message_names_the_part_only_when_the_order_stays(shop: World, merchant: Merchant) -> None:
    for code in ("A", "B"):
        shop.make_sku(code, north=5)
    shop.make_sku("S", south=5)
    order_no = pay(merchant, items=[("A", 1), ("B", 1), ("S", 1)])["order_no"]
    ship(f"{order_no}-1", {1: 1}, waybill_no="1")

    ship(f"{order_no}-1", waybill_no="2")

    message = told(merchant)[-1]
    assert (message.type, message.data["changed"]) == ("order.status_changed", [f"{order_no}-1"])
    assert message.data["order"]["status"] == "partly_shipped"


def test_each_change_is_kept_in_the_history(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant, items=[("A", 2)])["order_no"]

    ship(f"{order_no}-1", {1: 1}, waybill_no="1")
    ship(f"{order_no}-1", {1: 1}, waybill_no="2")

    events = OrderEvent.objects.filter(actor="operator").order_by("id")
    assert [(event.subject_no, event.from_status, event.to_status) for event in events] == [
        (f"{order_no}-1", "awaiting_shipment", "partly_shipped"),
        (order_no, "paid", "partly_shipped"),
        (f"{order_no}-1", "partly_shipped", "shipped"),
        (order_no, "partly_shipped", "shipped"),
    ]


def test_same_parcel_again_is_the_shipment_that_there_is(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant, items=[("A", 3)])["order_no"]
    first = ship(f"{order_no}-1", {1: 1})
    count = len(told(merchant))

    again = ship(f"{order_no}-1", {1: 1})

    assert again == first
    assert Shipment.objects.count() == 1
    assert stock_numbers() == (7, 0, 2)
    assert len(told(merchant)) == count
    assert Order.objects.get().version == 4


def test_same_parcel_is_known_when_the_part_has_left(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant)["order_no"]
    first = ship(f"{order_no}-1")

    assert ship(f"{order_no}-1") == first


def test_one_waybill_may_hold_several_parts(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    one = pay(merchant, "M-1")["order_no"]
    two = pay(merchant, "M-2")["order_no"]

    shipments = {ship(f"{order_no}-1", waybill_no="SF-1").pk for order_no in (one, two)}

    assert len(shipments) == 2


@pytest.mark.parametrize("status", ["pending_payment", "cancelled", "expired", "shipped"])
def test_refused_when_there_is_nothing_to_ship(
    shop: World, merchant: Merchant, status: str
) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]
    if status == "cancelled":
        merchant.api.post(f"/orders/{order_no}/cancel")
    elif status == "expired":
        let_expire(order_no)
        expire_due_orders()
    elif status == "shipped":
        merchant.api.post(f"/orders/{order_no}/confirm")
        Suborder.objects.update(status="shipped")
    before = stock_numbers()

    with pytest.raises(OrderStateConflict) as refused:
        ship(f"{order_no}-1", waybill_no="another")

    part_status = "cancelled" if status == "expired" else status
    assert refused.value.facts == {"order_no": f"{order_no}-1", "status": part_status}
    assert stock_numbers() == before
    assert_nothing_shipped()


def test_refused_when_more_units_are_sent_than_are_left(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant, items=[("A", 3)])["order_no"]
    ship(f"{order_no}-1", {1: 2}, waybill_no="1")

    with pytest.raises(QuantityExceedsOrdered) as refused:
        ship(f"{order_no}-1", {1: 2}, waybill_no="2")

    assert refused.value.facts == {"line_no": "1", "left": 1}
    assert Shipment.objects.count() == 1
    assert stock_numbers() == (7, 0, 1)
    assert OrderLine.objects.get().shipped_quantity == 2


@pytest.mark.parametrize("quantities", [{2: 1}, {1: 1, 2: 1}, {99: 1}, {}, {1: 0}, {1: -1}])
def test_refused_when_lines_are_not_of_this_part(
    shop: World, merchant: Merchant, quantities: dict[int, int]
) -> None:
    shop.make_sku("N", north=5)
    shop.make_sku("S", south=5)
    order_no = pay(merchant, items=[("N", 1), ("S", 1)])["order_no"]

    with pytest.raises(FieldInvalid) as refused:
        ship(f"{order_no}-1", quantities)

    assert refused.value.pointer == "/lines"
    assert statuses(order_no) == ("paid", ["awaiting_shipment"] * 2)
    assert_nothing_shipped()


def test_refused_when_the_number_is_not_of_a_part(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    order_no = pay(merchant)["order_no"]

    for number in (order_no, f"{order_no}-2", ""):
        with pytest.raises(NotFound) as refused:
            ship(number)
        assert refused.value.pointer == "/order_no"
    assert_nothing_shipped()


def test_refused_when_the_carrier_is_not_in_use(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    order_no = pay(merchant)["order_no"]
    Carrier.objects.create(code="gone", name="停用", is_active=False)

    for code in ("gone", "unknown"):
        with pytest.raises(NotFound) as refused:
            ship(f"{order_no}-1", carrier_code=code)
        assert refused.value.pointer == "/carrier"
    assert_nothing_shipped()


@pytest.mark.django_db(transaction=True)
def test_step_is_refused_outside_a_transaction(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    order_no = pay(merchant)["order_no"]

    with pytest.raises(NotInTransaction):
        add_shipment(
            suborder_no=f"{order_no}-1",
            carrier_code="sf",
            waybill_no="SF-1",
            shipped_at=NOON,
            actor="operator",
            now=NOON,
        )

    assert_nothing_shipped()


@pytest.mark.django_db(transaction=True)
def test_nothing_stays_when_the_transaction_around_the_step_fails(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=5)
    order_no = pay(merchant, items=[("A", 2)])["order_no"]

    @transactional
    def ship_two() -> None:
        for waybill_no, quantity in (("SF-1", 1), ("SF-2", 99)):
            add_shipment(
                suborder_no=f"{order_no}-1",
                carrier_code="sf",
                waybill_no=waybill_no,
                quantities={1: quantity},
                shipped_at=NOON,
                actor="operator",
                now=NOON,
            )

    with pytest.raises(QuantityExceedsOrdered):
        ship_two()

    assert statuses(order_no) == ("paid", ["awaiting_shipment"])
    assert_nothing_shipped()


@pytest.mark.django_db(transaction=True)
def test_one_parcel_is_made_when_two_operators_send_it_at_once(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant, items=[("A", 3)])["order_no"]

    outcomes = race(*[lambda: ship(f"{order_no}-1", {1: 2}).shipment_no] * 4)

    shipment = Shipment.objects.get()
    assert outcomes == [shipment.shipment_no] * 4
    assert stock_numbers() == (7, 0, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("quantities", "refusal"), [(None, OrderStateConflict), ({1: 2}, QuantityExceedsOrdered)]
)
def test_units_leave_once_when_two_operators_send_different_parcels_at_once(
    shop: World,
    merchant: Merchant,
    quantities: dict[int, int] | None,
    refusal: type[DomainError],
) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant, items=[("A", 3)])["order_no"]

    outcomes = race(
        lambda: ship(f"{order_no}-1", quantities, waybill_no="1").waybill_no,
        lambda: ship(f"{order_no}-1", quantities, waybill_no="2").waybill_no,
    )

    shipment = Shipment.objects.get()
    assert outcomes.count(shipment.waybill_no) == 1
    assert [type(outcome) for outcome in outcomes if outcome != shipment.waybill_no] == [refusal]
    shipped = 3 if quantities is None else 2
    assert OrderLine.objects.get().shipped_quantity == shipped
    assert stock_numbers() == (7, 0, 3 - shipped)


@pytest.mark.django_db(transaction=True)
def test_both_parts_leave_when_two_operators_ship_them_at_once(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("N", north=5)
    shop.make_sku("S", south=5)
    order_no = pay(merchant, items=[("N", 1), ("S", 1)])["order_no"]

    race(lambda: ship(f"{order_no}-1"), lambda: ship(f"{order_no}-2"))

    assert statuses(order_no) == ("shipped", ["shipped", "shipped"])
    assert Order.objects.get().version == 6
    assert [message.data["order"]["version"] for message in told(merchant)] == [
        1, 1, 2, 3, 4, 5, 6
    ]  # fmt: skip
