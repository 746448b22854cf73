"""Where parcels are, and what follows for orders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from openplatform.audit.models import AuditEntry
from openplatform.connectors.parcels import ParcelStatus
from openplatform.core import clock
from openplatform.core.errors import NotFound
from openplatform.core.locking import NotInTransaction, transactional
from orders.errors import OrderStateConflict
from orders.models import Order, OrderEvent, Shipment, Suborder
from orders.selectors.parcels import list_troubled
from orders.services.parcel_progress import follow_parcel, settle_parcel
from tests.cast import Merchant, World
from tests.orders.acts import pay, ship, told
from tests.racing import race

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
P = ParcelStatus


@transactional
def follow(
    status: ParcelStatus, waybill_no: str = "SF-1", *, delivered_at: datetime | None = None
) -> list[str]:
    """As the loop of tracking does."""
    return follow_parcel(
        carrier_code="sf",
        waybill_no=waybill_no,
        status=status,
        delivered_at=delivered_at,
        now=clock.now(),
    )


def days_until_receipt(suborder_no: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM receipt_due_at - clock_timestamp()) / 86400"
            " FROM orders_suborder WHERE order_no = %s",
            [suborder_no],
        )
        [(days,)] = cursor.fetchall()
    return float(days)


def statuses() -> list[tuple[str, list[str]]]:
    return [
        (order.status, list(order.suborders.order_by("id").values_list("status", flat=True)))
        for order in Order.objects.order_by("id")
    ]


def everything() -> Any:
    return (
        list(Order.objects.values_list("status", "version", "updated_at")),
        list(Suborder.objects.order_by("id").values()),
        list(Shipment.objects.order_by("id").values()),
        OrderEvent.objects.count(),
        AuditEntry.objects.count(),
    )


def test_parcel_on_its_way_is_told_with_the_whole_order(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant)["order_no"]
    shipment = ship(f"{order_no}-1")

    changed = follow(P.IN_TRANSIT)

    assert changed == [shipment.shipment_no]
    shipment.refresh_from_db()
    assert (shipment.status, shipment.delivered_at, shipment.troubled_at) == (
        "in_transit", None, None
    )  # fmt: skip
    document = merchant.api.get(f"/orders/{order_no}").json()
    message = told(merchant)[-1]
    assert (message.type, message.data) == (
        "shipment.updated",
        {"order": document, "changed": [shipment.shipment_no]},
    )
    assert document["version"] == 5
    assert document["suborders"][0]["shipments"][0]["status"] == "in_transit"


def test_part_is_delivered_once_its_last_parcel_is(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant, items=[("A", 3)])["order_no"]
    ship(f"{order_no}-1", {1: 1}, waybill_no="SF-1")
    follow(P.DELIVERED, "SF-1", delivered_at=NOON + timedelta(days=1))
    ship(f"{order_no}-1", waybill_no="SF-2")
    before = statuses()

    follow(P.DELIVERED, "SF-2", delivered_at=NOON)

    assert before == [("shipped", ["shipped"])]
    assert statuses() == [("delivered", ["delivered"])]
    part = Suborder.objects.get()
    assert part.delivered_at == NOON + timedelta(days=1)
    assert 6.99 < days_until_receipt(part.order_no) <= 7
    message = told(merchant)[-1]
    assert (message.type, message.data["changed"]) == (
        "order.status_changed",
        [order_no, f"{order_no}-1"],
    )
    assert message.data["order"]["suborders"][0]["delivered_at"] == "2026-02-01T20:00:00+08:00"
    assert [event.to_status for event in OrderEvent.objects.order_by("-id")[:2]] == [
        "delivered", "delivered"
    ]  # fmt: skip


def test_part_with_something_left_to_ship_is_not_delivered(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant, items=[("A", 3)])["order_no"]
    ship(f"{order_no}-1", {1: 2})

    follow(P.DELIVERED)

    assert statuses() == [("partly_shipped", ["partly_shipped"])]
    assert Suborder.objects.get().delivered_at is None
    assert told(merchant)[-1].type == "shipment.updated"


def test_receipt_is_due_some_days_after_the_last_unit_left(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant, items=[("A", 2)])["order_no"]

    ship(f"{order_no}-1", {1: 1}, waybill_no="1")
    first = Suborder.objects.get().receipt_due_at
    ship(f"{order_no}-1", {1: 1}, waybill_no="2")

    assert first is None
    assert 14.99 < days_until_receipt(f"{order_no}-1") <= 15


def test_same_news_again_changes_nothing(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    ship(f"{pay(merchant)['order_no']}-1")
    follow(P.DELIVERED, delivered_at=NOON)
    before, messages = everything(), len(told(merchant))

    again = [follow(P.DELIVERED, delivered_at=NOON), follow(P.DELIVERED)]

    assert again == [[], []]
    assert everything() == before
    assert len(told(merchant)) == messages


def test_unknown_waybill_changes_nothing(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    ship(f"{pay(merchant)['order_no']}-1")
    before = everything()

    assert follow(P.DELIVERED, "SF-2") == []
    assert everything() == before


def test_one_parcel_moves_every_part_that_it_holds_goods_of(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.open_pool_to(stranger)
    shop.make_sku("N", north=5)
    shop.make_sku("S", south=5)
    order_no = pay(merchant, items=[("N", 1), ("S", 1)])["order_no"]
    theirs = pay(stranger, items=[("N", 1)])["order_no"]
    numbers = [
        ship(number).shipment_no for number in (f"{order_no}-1", f"{order_no}-2", f"{theirs}-1")
    ]

    changed = follow(P.DELIVERED)

    assert changed == numbers
    assert statuses() == [("delivered", ["delivered", "delivered"]), ("delivered", ["delivered"])]
    assert [message.data["changed"] for message in told(merchant)[-1:]] == [
        [order_no, f"{order_no}-1", f"{order_no}-2"]
    ]
    assert told(stranger)[-1].data["changed"] == [theirs, f"{theirs}-1"]
    assert Order.objects.get(order_no=order_no).version == 7


def test_parcel_is_where_its_other_shipment_is_when_a_part_joins_it(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("N", north=5)
    shop.make_sku("S", south=5)
    order_no = pay(merchant, items=[("N", 1), ("S", 1)])["order_no"]
    ship(f"{order_no}-1")
    just_now = clock.now() - timedelta(hours=3)
    follow(P.DELIVERED, delivered_at=just_now)

    joined = ship(f"{order_no}-2")

    joined.refresh_from_db()
    assert (joined.status, joined.delivered_at) == ("delivered", just_now)
    assert statuses() == [("delivered", ["delivered", "delivered"])]


def test_number_that_was_used_long_ago_says_nothing_of_a_new_parcel(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=5)
    ship(f"{pay(merchant, 'M-1')['order_no']}-1")
    follow(P.DELIVERED)
    Shipment.objects.update(shipped_at=clock.now() - timedelta(days=31))

    fresh = ship(f"{pay(merchant, 'M-2')['order_no']}-1")

    fresh.refresh_from_db()
    assert fresh.status == "pending"


@pytest.mark.parametrize("status", [P.EXCEPTION, P.REFUSED, P.RETURNING, P.RETURNED, P.LOST])
def test_parcel_in_trouble_is_in_the_queue_until_it_is_out_of_it(
    shop: World, merchant: Merchant, status: ParcelStatus
) -> None:
    shop.make_sku("A", north=10)
    shipment = ship(f"{pay(merchant)['order_no']}-1")

    follow(status)
    queue = list(list_troubled())
    follow(P.IN_TRANSIT)

    assert queue == [shipment]
    assert not list_troubled().exists()
    shipment.refresh_from_db()
    assert shipment.troubled_at is None
    assert statuses() == [("shipped", ["shipped"])]


def test_trouble_dates_from_its_first_news(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    ship(f"{pay(merchant)['order_no']}-1")
    follow(P.EXCEPTION)
    first = Shipment.objects.get().troubled_at

    follow(P.LOST)

    assert Shipment.objects.get().troubled_at == first


def test_settled_parcel_leaves_the_queue_and_is_recorded(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    shipment = ship(f"{pay(merchant)['order_no']}-1")
    follow(P.LOST)
    messages = len(told(merchant))

    for text in ("carrier pays", "another text"):
        settle_parcel(shipment_no=shipment.shipment_no, settlement=text, actor="operator", now=NOON)

    shipment.refresh_from_db()
    assert (shipment.settled_at, shipment.settlement) == (NOON, "carrier pays")
    assert not list_troubled().exists()
    entry = AuditEntry.objects.get(action="settle_parcel")
    assert (entry.actor, entry.reason, entry.after) == (
        "operator", "carrier pays", {"settlement": "carrier pays", "status": "lost"}
    )  # fmt: skip
    assert len(told(merchant)) == messages


def test_settled_parcel_is_in_the_queue_again_when_new_trouble_follows(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=10)
    shipment = ship(f"{pay(merchant)['order_no']}-1")
    follow(P.EXCEPTION)
    settle_parcel(shipment_no=shipment.shipment_no, settlement="waits", actor="operator", now=NOON)

    follow(P.IN_TRANSIT)
    follow(P.LOST)

    assert list(list_troubled()) == [shipment]


@pytest.mark.parametrize(
    ("settled", "later", "is_new"),
    [
        (P.EXCEPTION, P.LOST, True),
        (P.EXCEPTION, P.REFUSED, True),
        (P.EXCEPTION, P.RETURNING, True),
        (P.RETURNING, P.LOST, True),
        (P.REFUSED, P.RETURNING, False),
        (P.REFUSED, P.RETURNED, False),
        (P.RETURNING, P.RETURNED, False),
    ],
)
def test_settled_parcel_is_in_the_queue_again_when_it_comes_to_worse_than_was_settled(
    shop: World, merchant: Merchant, settled: ParcelStatus, later: ParcelStatus, is_new: bool
) -> None:
    shop.make_sku("A", north=10)
    shipment = ship(f"{pay(merchant)['order_no']}-1")
    follow(settled)
    settle_parcel(shipment_no=shipment.shipment_no, settlement="x", actor="operator", now=NOON)

    follow(later)

    assert list(list_troubled()) == ([shipment] if is_new else [])
    shipment.refresh_from_db()
    assert (shipment.settled_at, shipment.settlement) == ((None, "") if is_new else (NOON, "x"))
    assert shipment.troubled_at is not None


def test_settling_leaves_time_to_notice_that_nothing_comes(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    shipment = ship(f"{pay(merchant)['order_no']}-1")
    follow(P.EXCEPTION)
    Suborder.objects.update(receipt_due_at=NOON)

    settle_parcel(shipment_no=shipment.shipment_no, settlement="found", actor="operator", now=NOON)

    assert 6.99 < days_until_receipt(Suborder.objects.get().order_no) <= 7


def test_settling_is_refused_when_there_is_no_trouble(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    shipment = ship(f"{pay(merchant)['order_no']}-1")
    before = everything()

    with pytest.raises(OrderStateConflict):
        settle_parcel(shipment_no=shipment.shipment_no, settlement="x", actor="o", now=NOON)
    with pytest.raises(NotFound):
        settle_parcel(shipment_no="S260131AAAAAAAAAA", settlement="x", actor="o", now=NOON)

    assert everything() == before


def test_part_stays_delivered_when_its_parcel_comes_back(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    ship(f"{pay(merchant)['order_no']}-1")
    follow(P.DELIVERED, delivered_at=NOON)

    follow(P.RETURNING)

    assert statuses() == [("delivered", ["delivered"])]
    assert Suborder.objects.get().delivered_at == NOON
    assert list_troubled().count() == 1


@pytest.mark.django_db(transaction=True)
def test_step_is_refused_outside_a_transaction(shop: World, merchant: Merchant) -> None:
    with pytest.raises(NotInTransaction):
        follow_parcel(carrier_code="sf", waybill_no="1", status=P.LOST, delivered_at=None, now=NOON)


@pytest.mark.django_db(transaction=True)
def test_news_are_told_once_when_they_come_from_everywhere_at_once(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("N", north=5)
    shop.make_sku("S", south=5)
    order_no = pay(merchant, items=[("N", 1), ("S", 1)])["order_no"]
    ship(f"{order_no}-1")
    ship(f"{order_no}-2")
    version = Order.objects.get().version

    outcomes = race(*[lambda: follow(P.DELIVERED, delivered_at=NOON)] * 4)

    assert sorted(len(outcome) for outcome in outcomes if isinstance(outcome, list)) == [0, 0, 0, 2]
    assert Order.objects.get().version == version + 1
    assert statuses() == [("delivered", ["delivered", "delivered"])]
    assert [message.type for message in told(merchant)][-2:] == [
        "order.status_changed", "order.status_changed"
    ]  # fmt: skip
