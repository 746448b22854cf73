"""`delivered` arrives by itself: from the provider over the worker's loops to the merchant."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import Error, connection

from openplatform.connectors.models import ParcelEvent, Provider, ProviderCall, TrackedParcel
from openplatform.connectors.parcels import ParcelStatus
from openplatform.connectors.providers.base import EventDraft
from openplatform.connectors.services import refreshing
from openplatform.connectors.services.recording import record_events
from openplatform.connectors.services.refreshing import refresh_due_parcels
from openplatform.connectors.services.watching import know_parcel
from openplatform.connectors.simulator.server import Simulator
from openplatform.core import clock
from openplatform.core.locking import transactional
from orders.models import Order, Shipment, Suborder
from orders.services import parcel_following
from orders.services.parcel_following import (
    awaits_parcel,
    follow_changed_parcels,
    watch_open_parcels,
)
from orders.services.parcel_progress import follow_parcel
from orders.services.receipt import receive_due_suborders
from orders.services.shipping import change_waybill
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


@transactional
def hear(status: str, *, hours_ago: float = 0) -> None:
    """What a file tells of the one parcel."""
    event = EventDraft(clock.now() - timedelta(hours=hours_ago), ParcelStatus(status), "快件", "")
    parcel_id = TrackedParcel.objects.get().pk
    record_events(parcel_id=parcel_id, events=[event], provider_id=None, now=clock.now())


def put_back(days: int) -> None:
    """As if all that happened so far had been so many days earlier."""
    then = clock.now() - timedelta(days=days)
    Shipment.objects.update(shipped_at=then, delivered_at=then)
    Suborder.objects.update(shipped_at=then, delivered_at=then, completed_at=then)
    Order.objects.update(created_at=then, updated_at=then)
    ParcelEvent.objects.update(at=then)
    TrackedParcel.objects.update(as_of=then, delivered_at=then, created_at=then)


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


@pytest.mark.parametrize("is_known", [True, False], ids=["heard of", "never heard of"])
def test_order_of_long_ago_stays_as_it_is_when_its_waybill_number_is_given_again(
    goods: World, merchant: Merchant, stranger: Merchant, is_known: bool
) -> None:
    goods.open_pool_to(stranger)
    old_no = send(merchant, "M-1", "SF-1")
    hear("delivered")
    follow_changed_parcels()
    assert merchant.api.post(f"/orders/{old_no}/receive").status_code == 200
    put_back(365)
    if not is_known:
        ParcelEvent.objects.all().delete()
        TrackedParcel.objects.all().delete()
    told_before = len(told(merchant))
    old = Shipment.objects.get()

    def rows() -> Any:
        return [
            Order.objects.filter(merchant_order_no="M-1").values().get(),
            Suborder.objects.filter(order_no=old_no).values().get(),
            Shipment.objects.filter(pk=old.pk).values().get(),
        ]

    before = rows()
    send(stranger, "M-2", "SF-1")
    hear("exception")

    assert follow_changed_parcels() == 1

    assert rows() == before
    assert len(told(merchant)) == told_before
    new = Shipment.objects.exclude(pk=old.pk).get()
    assert (new.status, new.troubled_at is not None) == ("exception", True)
    [by_shipment, by_waybill] = [
        merchant.api.get(f"/shipments/{number}/tracking").json()
        for number in (old.shipment_no, "SF-1")
    ]
    assert (
        by_shipment
        == by_waybill
        == {
            "carrier": {"code": "sf", "name": "顺丰速运"},
            "waybill_no": "SF-1",
            "shipment_nos": [old.shipment_no],
            "status": "delivered",
            "delivered_at": clock.to_text(old.delivered_at),
            "events": [],
            "as_of": None,
            "is_stale": False,
        }
    )
    current = stranger.api.get("/shipments/SF-1/tracking").json()
    assert (current["status"], len(current["events"])) == ("exception", 1)


def test_parcel_of_today_is_shown_when_a_merchant_had_the_waybill_number_before(
    goods: World, merchant: Merchant
) -> None:
    send(merchant, "M-1", "SF-1")
    hear("delivered")
    follow_changed_parcels()
    put_back(365)
    old = Shipment.objects.get()
    send(merchant, "M-2", "SF-1")
    hear("in_transit")

    body = merchant.api.get("/shipments/SF-1/tracking").json()

    new = Shipment.objects.exclude(pk=old.pk).get()
    assert (body["shipment_nos"], body["status"]) == ([new.shipment_no], "in_transit")


def test_late_change_of_a_waybill_is_followed_from_the_day_it_was_sent(
    goods: World, merchant: Merchant
) -> None:
    """What was heard of its parcel on the way is not that of an older one."""
    send(merchant, "M-1", "SF-TYPO")
    TrackedParcel.objects.all().delete()
    know_parcel(carrier_code="sf", waybill_no="SF-1")
    hear("in_transit", hours_ago=24 * 35)
    then = clock.now() - timedelta(days=40)
    Shipment.objects.update(shipped_at=then)
    TrackedParcel.objects.update(as_of=clock.now() - timedelta(days=35), follow_at=None)

    change_waybill(
        shipment_no=Shipment.objects.get().shipment_no, carrier_code="sf", waybill_no="SF-1",
        reason="", actor="operator", now=clock.now(),
    )  # fmt: skip
    follow_changed_parcels()

    assert Shipment.objects.get().status == "in_transit"


def test_parcel_is_asked_about_when_it_is_shipped_while_nobody_seemed_to_wait(
    goods: World, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    know_parcel(carrier_code="sf", waybill_no="SF-1")
    look = refreshing._time_until_next

    def look_and_ship(*facts: Any) -> Any:
        wait = look(*facts)
        send(merchant, "M-1", "SF-1")
        return wait

    monkeypatch.setattr(refreshing, "_time_until_next", look_and_ship)

    refresh_due_parcels()

    parcel = TrackedParcel.objects.get()
    assert (parcel.status, parcel.refresh_at is not None) == ("pending", True)


def test_parcel_is_asked_about_again_when_it_was_lost_and_is_found(
    goods: World,
    merchant: Merchant,
    make_provider: MakeProvider,  # noqa: F811
    simulator: Simulator,  # noqa: F811
) -> None:
    make_provider()
    simulator.seconds = 100_000
    send(merchant, "M-1", "SF-1")
    hear("lost", hours_ago=2)
    follow_changed_parcels()
    assert TrackedParcel.objects.get().refresh_at is None

    hear("in_transit", hours_ago=1)

    due = TrackedParcel.objects.get().refresh_at
    assert due is not None
    assert timedelta(0) < due - clock.now() <= timedelta(minutes=1)
    follow_changed_parcels()
    TrackedParcel.objects.update(refresh_at=clock.now())
    assert refresh_due_parcels() == 1
    assert TrackedParcel.objects.get().refresh_at is not None


@pytest.mark.parametrize(
    ("facts", "is_resumed"),
    [
        ({}, True),
        ({"status": "delivered"}, False),
        ({"created_at": clock.now() - timedelta(days=61)}, False),
        ({"counts_since": clock.now() + timedelta(days=1)}, False),
    ],
    ids=["under way", "ended", "given up", "another one by now"],
)
def test_parcel_that_is_left_alone_is_asked_about_again_daily_when_it_is_under_way(
    goods: World, merchant: Merchant, facts: dict[str, Any], is_resumed: bool
) -> None:
    send(merchant, "M-1", "SF-1")
    TrackedParcel.objects.update(**{"refresh_at": None, "status": "in_transit", **facts})

    assert (watch_open_parcels(), watch_open_parcels()) == (int(is_resumed), 0)

    assert (TrackedParcel.objects.get().refresh_at is not None) == is_resumed


def test_spare_is_not_asked_within_the_interval_when_the_first_answered_and_rests(
    goods: World,
    merchant: Merchant,
    make_provider: MakeProvider,  # noqa: F811
    simulator: Simulator,  # noqa: F811
) -> None:
    first = make_provider()
    make_provider("spare", priority=2, path="/spare")
    simulator.seconds = 100_000
    send(merchant, "M-1", "SF-1")
    refresh_due_parcels()
    resting_until = clock.now() + timedelta(minutes=30)
    Provider.objects.filter(pk=first.pk).update(resting_until=resting_until)

    send(merchant, "M-2", "SF-1")  # it is asked about next

    assert refresh_due_parcels() == 1
    assert simulator.calls == {"/track": 1}
    assert ProviderCall.objects.count() == 1

    ProviderCall.objects.update(created_at=clock.now() - timedelta(seconds=601))
    TrackedParcel.objects.update(refresh_at=clock.now())
    refresh_due_parcels()
    assert simulator.calls == {"/track": 1, "/spare/track": 1}


def test_others_follow_when_a_statement_of_one_parcel_fails(
    goods: World,
    merchant: Merchant,
    make_provider: MakeProvider,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_provider()
    send(merchant, "M-1", "SF-1")
    send(merchant, "M-2", "SF-2")

    def stumble(*, waybill_no: str, **rest: Any) -> list[str]:
        if waybill_no == "SF-1":
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        return follow_parcel(waybill_no=waybill_no, **rest)

    monkeypatch.setattr(parcel_following, "follow_parcel", stumble)
    refresh_due_parcels()
    refresh_due_parcels()

    with pytest.raises(Error):
        follow_changed_parcels()

    statuses = dict(Order.objects.values_list("merchant_order_no", "status"))
    assert statuses == {"M-1": "shipped", "M-2": "delivered"}
    assert follow_changed_parcels() == 0


def test_parcel_that_arrived_before_the_goods_left_says_nothing_of_them(
    goods: World, merchant: Merchant
) -> None:
    send(merchant, "M-1", "SF-1")
    hear("delivered")
    put_back(8)
    TrackedParcel.objects.update(status="delivered")
    Shipment.objects.update(status="delivered", shipped_at=clock.now() - timedelta(days=10))
    Order.objects.update(status="delivered")
    before = Shipment.objects.values().get()

    suborder_no = send(merchant, "M-2", "SF-1")
    follow_changed_parcels()

    part = Suborder.objects.get(order_no=suborder_no)
    assert (part.status, part.delivered_at) == ("shipped", None)
    parcel = TrackedParcel.objects.get()
    assert (parcel.status, parcel.refresh_at is not None) == ("pending", True)

    hear("delivered")
    follow_changed_parcels()

    assert Suborder.objects.get(order_no=suborder_no).status == "delivered"
    assert Shipment.objects.filter(pk=before["id"]).values().get() == before


def test_part_is_not_received_while_its_parcel_is_on_its_way_when_the_waybill_was_wrong(
    goods: World, merchant: Merchant
) -> None:
    send(merchant, "M-1", "SF-1")
    hear("delivered")
    follow_changed_parcels()
    Suborder.objects.update(receipt_due_at=clock.now())

    change_waybill(
        shipment_no=Shipment.objects.get().shipment_no, carrier_code="sf", waybill_no="SF-2",
        reason="", actor="operator", now=clock.now(),
    )  # fmt: skip

    assert receive_due_suborders() == 0
    part, shipment = Suborder.objects.get(), Shipment.objects.get()
    assert (part.status, part.completed_at, shipment.status) == ("delivered", None, "pending")
    assert part.receipt_due_at is not None
    assert part.receipt_due_at > clock.now() + timedelta(days=14, hours=23)
