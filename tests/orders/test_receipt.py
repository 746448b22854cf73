"""Parts are received by themselves when their time has come."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import Error, connection
from django_q.models import OrmQ

from openplatform.connectors.parcels import ParcelStatus
from openplatform.core import clock
from openplatform.core.background import LOOPS
from openplatform.core.locking import transactional
from orders.errors import OrderStateConflict
from orders.models import Order, OrderEvent, Shipment, Suborder
from orders.services import progress, receipt
from orders.services.parcel_progress import follow_parcel, settle_parcel
from orders.services.receipt import receive_due_suborder, receive_due_suborders
from tests.cast import Merchant, World
from tests.orders.acts import pay, ship, told
from tests.racing import race


def let_come_due(suborder_no: str) -> None:
    """Put the time of receipt a moment behind the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orders_suborder SET receipt_due_at = clock_timestamp() WHERE order_no = %s",
            [suborder_no],
        )


@transactional
def follow(status: ParcelStatus) -> None:
    follow_parcel(
        carrier_code="sf", waybill_no="SF-1", status=status, delivered_at=None, now=clock.now()
    )


@pytest.fixture
def shipped(shop: World, merchant: Merchant) -> str:
    """The number of an order whose one part has left."""
    shop.make_sku("A", north=10)
    order_no: str = pay(merchant, items=[("A", 2)])["order_no"]
    ship(f"{order_no}-1")
    return order_no


@pytest.mark.parametrize("is_delivered", [False, True])
def test_part_is_received_once_its_time_has_come(
    merchant: Merchant, shipped: str, is_delivered: bool
) -> None:
    if is_delivered:
        follow(ParcelStatus.DELIVERED)
    early = receive_due_suborders()
    let_come_due(f"{shipped}-1")

    received = [receive_due_suborders(), receive_due_suborders()]

    assert (early, received) == (0, [1, 0])
    order = merchant.api.get(f"/orders/{shipped}").json()
    assert (order["status"], order["suborders"][0]["status"]) == ("completed", "completed")
    message = told(merchant)[-1]
    assert (message.type, message.data) == (
        "order.status_changed", {"order": order, "changed": [shipped, f"{shipped}-1"]}
    )  # fmt: skip
    assert OrderEvent.objects.latest("id").actor == "platform"


def test_database_clock_decides_when_that_of_the_process_is_wrong(shipped: str) -> None:
    with time_machine.travel("2099-01-01"):
        early = receive_due_suborders()
    let_come_due(f"{shipped}-1")
    with time_machine.travel("2001-01-01"):
        late = receive_due_suborders()

    assert (early, late) == (0, 1)


def test_worker_receives_without_the_queue(shipped: str) -> None:
    let_come_due(f"{shipped}-1")
    OrmQ.objects.all().delete()

    [loop] = [loop for loop in LOOPS if loop.run is receive_due_suborders]

    assert loop.run() == 1
    assert loop.pause <= 60


def test_part_waits_while_something_is_left_to_ship(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant, items=[("A", 2)])["order_no"]
    ship(f"{order_no}-1", {1: 1})
    let_come_due(f"{order_no}-1")

    assert receive_due_suborders() == 0
    assert Suborder.objects.get().status == "partly_shipped"


def test_part_waits_while_one_of_its_parcels_is_in_trouble(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant, items=[("A", 2)])["order_no"]
    ship(f"{order_no}-1", {1: 1}, waybill_no="SF-1")
    ship(f"{order_no}-1", {1: 1}, waybill_no="SF-2")
    follow(ParcelStatus.LOST)
    let_come_due(f"{order_no}-1")
    version = Order.objects.get().version

    while_lost = [receive_due_suborders(), receive_due_suborder(
        suborder_no=f"{order_no}-1", now=clock.now()
    )]  # fmt: skip
    settle_parcel(
        shipment_no=Shipment.objects.get(waybill_no="SF-1").shipment_no,
        settlement="carrier pays",
        actor="operator",
        now=clock.now(),
    )
    let_come_due(f"{order_no}-1")

    assert while_lost == [0, False]
    assert Order.objects.get().version == version
    assert receive_due_suborders() == 1


def test_merchant_may_report_receipt_of_a_parcel_in_trouble(
    merchant: Merchant, shipped: str
) -> None:
    follow(ParcelStatus.EXCEPTION)

    response = merchant.api.post(f"/orders/{shipped}-1/receive")

    assert (response.status_code, response.json()["status"]) == (200, "completed")


def test_refunded_part_stays_closed(merchant: Merchant, shipped: str) -> None:
    Suborder.objects.update(status="closed")
    let_come_due(f"{shipped}-1")

    assert receive_due_suborders() == 0
    assert Suborder.objects.get().completed_at is None


@pytest.mark.parametrize("has_fault", [False, True])
def test_others_are_received_and_it_is_put_off_when_one_cannot_be_received(
    shop: World, merchant: Merchant, monkeypatch: pytest.MonkeyPatch, has_fault: bool
) -> None:
    shop.make_sku("A", north=10)
    numbers = [pay(merchant, name)["order_no"] for name in ("M-1", "M-2")]
    for number in numbers:
        ship(f"{number}-1", waybill_no=f"SF-{number}")
        let_come_due(f"{number}-1")
    go_on = progress.advance

    def stumble(order: Order, **rest: Any) -> Any:
        if order.order_no != numbers[0]:
            return go_on(order, **rest)
        if has_fault:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        raise OrderStateConflict

    monkeypatch.setattr(receipt, "advance", stumble)

    if has_fault:
        with pytest.raises(Error):
            receive_due_suborders()
    else:
        assert receive_due_suborders() == 1

    statuses = dict(Order.objects.values_list("order_no", "status"))
    assert statuses == {numbers[0]: "shipped", numbers[1]: "completed"}
    part = Suborder.objects.get(order_no=f"{numbers[0]}-1")
    assert part.completed_at is None
    assert part.receipt_due_at is not None
    assert part.receipt_due_at > clock.now() + timedelta(minutes=4)
    assert receive_due_suborders() == 0


@pytest.mark.django_db(transaction=True)
def test_part_is_received_once_when_loops_and_merchant_meet(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant)["order_no"]
    ship(f"{order_no}-1")
    let_come_due(f"{order_no}-1")
    version = Order.objects.get().version

    outcomes = race(
        receive_due_suborders,
        receive_due_suborders,
        lambda: merchant.api.post(f"/orders/{order_no}-1/receive").status_code,
    )

    assert outcomes[2] == 200
    assert outcomes[0] in (0, 1)
    assert Order.objects.get().version == version + 1
    assert OrderEvent.objects.filter(to_status="completed").count() == 2


@pytest.mark.django_db(transaction=True)
def test_trouble_that_comes_at_the_same_moment_is_before_or_after_the_receipt(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant)["order_no"]
    ship(f"{order_no}-1")
    let_come_due(f"{order_no}-1")

    received, followed = race(receive_due_suborders, lambda: follow(ParcelStatus.LOST))

    assert followed is None
    status = Suborder.objects.get().status
    assert (received, status) in [(0, "shipped"), (1, "completed")]
    assert Shipment.objects.get().troubled_at is not None
