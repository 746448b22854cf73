"""`delivered` arrives by itself: from the provider over the worker's loops to the merchant."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from openplatform.connectors.models import TrackedParcel
from openplatform.connectors.services.refreshing import refresh_due_parcels
from openplatform.connectors.simulator.server import Simulator
from openplatform.core import clock
from orders.models import Order, Shipment, Suborder
from orders.services import parcel_following
from orders.services.parcel_following import (
    awaits_parcel,
    follow_changed_parcels,
    watch_open_parcels,
)
from orders.services.parcel_progress import follow_parcel
from tests.cast import Merchant, World
from tests.connectors.conftest import MakeProvider, make_provider, simulator  # noqa: F401
from tests.orders.acts import pay, ship, told
from tests.racing import race


@pytest.fixture(autouse=True)
def _private_hosts(settings: Any) -> None:
    settings.OUTGOING_PRIVATE_HOSTS = ["127.0.0.1"]


@pytest.fixture
def goods(shop: World) -> World:
    """Fifty of A."""
    shop.make_sku("A", north=50)
    return shop


def send(merchant: Merchant, number: str, waybill_no: str) -> str:
    suborder_no: str = pay(merchant, number)["suborders"][0]["order_no"]
    ship(suborder_no, waybill_no=waybill_no)
    return suborder_no


def test_order_is_delivered_when_the_provider_says_so(
    goods: World,
    merchant: Merchant,
    make_provider: MakeProvider,  # noqa: F811
) -> None:
    make_provider()
    send(merchant, "M-1", "SF-1")
    before = len(told(merchant))

    assert (refresh_due_parcels(), follow_changed_parcels()) == (1, 1)

    parcel, shipment, order = (
        TrackedParcel.objects.get(), Shipment.objects.get(), Order.objects.get(),
    )  # fmt: skip
    assert (shipment.status, shipment.delivered_at) == ("delivered", parcel.delivered_at)
    assert (order.status, Suborder.objects.get().status) == ("delivered", "delivered")
    assert parcel.follow_at is None
    [message] = told(merchant)[before:]
    assert message.type == "order.status_changed"
    assert message.data["order"]["suborders"][0]["shipments"][0]["status"] == "delivered"
    assert (refresh_due_parcels(), follow_changed_parcels()) == (0, 0)
    assert len(told(merchant)) == before + 1


@pytest.mark.parametrize(
    ("waybill_no", "status"),
    [("SF-LOST-1", "lost"), ("SF-REFUSED-1", "refused"), ("SF-STUCK-1", "exception")],
)
def test_parcel_is_in_trouble_when_the_provider_says_so(
    goods: World,
    merchant: Merchant,
    make_provider: MakeProvider,  # noqa: F811
    waybill_no: str,
    status: str,
) -> None:
    make_provider()
    send(merchant, "M-1", waybill_no)

    refresh_due_parcels()
    follow_changed_parcels()

    shipment = Shipment.objects.get()
    assert (shipment.status, shipment.troubled_at is not None) == (status, True)
    assert Order.objects.get().status == "shipped"
    assert told(merchant)[-1].type == "shipment.updated"


def test_every_order_with_goods_in_the_parcel_follows(
    goods: World,
    merchant: Merchant,
    stranger: Merchant,
    make_provider: MakeProvider,  # noqa: F811
) -> None:
    goods.open_pool_to(stranger)
    make_provider()
    send(merchant, "M-1", "SF-1")
    send(stranger, "M-1", "SF-1")

    refresh_due_parcels()
    follow_changed_parcels()

    assert set(Order.objects.values_list("status", flat=True)) == {"delivered"}


def test_later_shipment_with_the_waybill_follows_what_is_known(
    goods: World,
    merchant: Merchant,
    make_provider: MakeProvider,  # noqa: F811
) -> None:
    make_provider()
    send(merchant, "M-1", "SF-1")
    refresh_due_parcels()
    follow_changed_parcels()

    send(merchant, "M-2", "SF-1")
    follow_changed_parcels()

    assert set(Order.objects.values_list("status", flat=True)) == {"delivered"}
    assert TrackedParcel.objects.get().refresh_at is None


def test_parcel_is_not_awaited_when_its_order_is_through(goods: World, merchant: Merchant) -> None:
    send(merchant, "M-1", "SF-1")
    assert awaits_parcel("sf", "SF-1")
    assert not awaits_parcel("yto", "SF-1")
    assert not awaits_parcel("sf", "SF-2")

    Suborder.objects.update(status="completed")

    assert not awaits_parcel("sf", "SF-1")


def test_provider_is_not_paid_for_a_parcel_when_nobody_awaits_it(
    goods: World,
    merchant: Merchant,
    make_provider: MakeProvider,  # noqa: F811
    simulator: Simulator,  # noqa: F811
) -> None:
    make_provider(interval_seconds=1, refresh_seconds=1)
    simulator.seconds = 1000
    send(merchant, "M-1", "SF-1")
    Suborder.objects.update(status="completed")

    refresh_due_parcels()

    assert TrackedParcel.objects.get().refresh_at is None


def test_open_parcels_of_before_are_watched_daily(goods: World, merchant: Merchant) -> None:
    send(merchant, "M-1", "SF-1")
    send(merchant, "M-2", "SF-2")
    TrackedParcel.objects.all().delete()
    Suborder.objects.filter(order__merchant_order_no="M-2").update(status="completed")

    assert (watch_open_parcels(), watch_open_parcels()) == (1, 0)
    assert TrackedParcel.objects.get().waybill_no == "SF-1"


def test_parcel_is_put_off_and_the_others_follow_when_one_cannot_be_followed(
    goods: World,
    merchant: Merchant,
    make_provider: MakeProvider,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from orders.errors import OrderStateConflict

    make_provider()
    send(merchant, "M-1", "SF-1")
    send(merchant, "M-2", "SF-2")

    def stumble(*, waybill_no: str, **rest: Any) -> list[str]:
        if waybill_no == "SF-1":
            raise OrderStateConflict
        return follow_parcel(waybill_no=waybill_no, **rest)

    monkeypatch.setattr(parcel_following, "follow_parcel", stumble)
    refresh_due_parcels()
    refresh_due_parcels()

    assert follow_changed_parcels() == 1

    statuses = dict(Order.objects.values_list("merchant_order_no", "status"))
    assert statuses == {"M-1": "shipped", "M-2": "delivered"}
    put_off = TrackedParcel.objects.get(waybill_no="SF-1").follow_at
    assert put_off is not None
    assert put_off > clock.now() + timedelta(minutes=4)


@pytest.mark.django_db(transaction=True)
def test_orders_follow_once_when_several_workers_follow(
    goods: World,
    merchant: Merchant,
    make_provider: MakeProvider,  # noqa: F811
) -> None:
    make_provider()
    for number in range(3):
        send(merchant, f"M-{number}", f"SF-{number}")
        refresh_due_parcels()
    before = len(told(merchant))

    race(*[follow_changed_parcels] * 4)

    assert set(Order.objects.values_list("status", flat=True)) == {"delivered"}
    assert [message.type for message in told(merchant)[before:]] == ["order.status_changed"] * 3
    assert not TrackedParcel.objects.exclude(follow_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_order_ends_where_the_parcel_is_when_it_moves_on_meanwhile(
    goods: World,
    merchant: Merchant,
    make_provider: MakeProvider,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was read before is not written over what is known by now."""
    make_provider()
    send(merchant, "M-1", "SF-1")
    refresh_due_parcels()
    moved: list[int] = []

    def overtake(**facts: Any) -> list[str]:
        if not moved:
            moved.append(
                TrackedParcel.objects.filter(status="delivered").update(
                    status="lost", delivered_at=None, version=9
                )
            )
        return follow_parcel(**facts)

    monkeypatch.setattr(parcel_following, "follow_parcel", overtake)

    assert follow_changed_parcels() == 0
    assert (Shipment.objects.get().status, Order.objects.get().status) == ("pending", "shipped")

    TrackedParcel.objects.update(status="lost", delivered_at=None, version=9)
    assert follow_changed_parcels() == 1
    assert Shipment.objects.get().status == "lost"
