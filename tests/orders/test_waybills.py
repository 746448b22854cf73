"""Parcels that go on under other numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from openplatform.audit.models import AuditEntry
from openplatform.connectors.parcels import ParcelStatus
from openplatform.core import clock
from openplatform.core.errors import DomainError, FieldInvalid, NotFound
from openplatform.core.locking import transactional
from orders.models import Carrier, Order, Shipment, WaybillChange
from orders.services.parcel_progress import follow_parcel, settle_parcel
from orders.services.shipping import change_waybill
from tests.cast import Merchant, World
from tests.orders.acts import pay, ship, told
from tests.racing import race

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def change(shipment: Shipment, waybill_no: str = "ZTO-9", carrier_code: str = "zto") -> Shipment:
    change_waybill(
        shipment_no=shipment.shipment_no,
        carrier_code=carrier_code,
        waybill_no=waybill_no,
        reason="label was torn",
        actor="operator",
        now=NOON,
    )
    shipment.refresh_from_db()
    return shipment


@transactional
def follow(waybill_no: str, status: ParcelStatus) -> None:
    follow_parcel(
        carrier_code="sf", waybill_no=waybill_no, status=status, delivered_at=NOON, now=clock.now()
    )


def everything() -> Any:
    return (
        list(Shipment.objects.order_by("id").values()),
        list(WaybillChange.objects.values()),
        list(Order.objects.values("version", "updated_at", "status")),
        AuditEntry.objects.filter(action="change_waybill").count(),
    )


@pytest.fixture
def zto(shop: World) -> Carrier:
    """Another carrier."""
    return Carrier.objects.create(code="zto", name="中通快递")


def test_parcel_goes_on_under_another_number_with_its_history(
    shop: World, merchant: Merchant, zto: Carrier
) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant, items=[("A", 2)])["order_no"]
    shipment = ship(f"{order_no}-1")

    change(shipment)
    changed = change(shipment, "SF-2", "sf")

    assert (changed.carrier.code, changed.waybill_no) == ("sf", "SF-2")
    rows = WaybillChange.objects.order_by("id").values_list(
        "from_carrier__code", "from_waybill_no", "to_carrier__code", "to_waybill_no", "reason",
        "actor", "created_at",
    )  # fmt: skip
    assert list(rows) == [
        ("sf", "SF-1", "zto", "ZTO-9", "label was torn", "operator", NOON),
        ("zto", "ZTO-9", "sf", "SF-2", "label was torn", "operator", NOON),
    ]
    document = merchant.api.get(f"/orders/{order_no}").json()
    assert document["version"] == 6
    assert document["suborders"][0]["shipments"][0]["waybill_no"] == "SF-2"
    message = told(merchant)[-1]
    assert (message.type, message.data) == (
        "shipment.updated",
        {"order": document, "changed": [shipment.shipment_no]},
    )
    entry = AuditEntry.objects.filter(action="change_waybill").earliest("id")
    assert (entry.before, entry.after, entry.reason) == (
        {"carrier": "sf", "waybill_no": "SF-1"},
        {"carrier": "zto", "waybill_no": "ZTO-9"},
        "label was torn",
    )


def test_same_number_again_changes_nothing(shop: World, merchant: Merchant, zto: Carrier) -> None:
    shop.make_sku("A", north=10)
    shipment = ship(f"{pay(merchant)['order_no']}-1")
    change(shipment)
    before, messages = everything(), len(told(merchant))

    change(shipment)

    assert everything() == before
    assert len(told(merchant)) == messages


def test_number_of_another_parcel_of_the_part_is_refused(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant, items=[("A", 2)])["order_no"]
    ship(f"{order_no}-1", {1: 1}, waybill_no="SF-1")
    second = ship(f"{order_no}-1", waybill_no="SF-2")
    before = everything()

    with pytest.raises(FieldInvalid) as refused:
        change(second, "SF-1", "sf")

    assert refused.value.pointer == "/waybill_no"
    assert everything() == before


def test_number_of_another_part_is_taken_with_where_that_parcel_is(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("N", north=5)
    shop.make_sku("S", south=5)
    order_no = pay(merchant, items=[("N", 1), ("S", 1)])["order_no"]
    ship(f"{order_no}-1", waybill_no="SF-1")
    other = ship(f"{order_no}-2", waybill_no="SF-2")
    Shipment.objects.update(shipped_at=NOON - timedelta(hours=1))
    follow("SF-1", ParcelStatus.DELIVERED)

    change(other, "SF-1", "sf")

    other.refresh_from_db()
    assert (other.status, other.delivered_at) == ("delivered", NOON)
    assert Order.objects.get().status == "delivered"
    messages = told(merchant)[-2:]
    assert [(message.type, message.data["changed"]) for message in messages] == [
        ("shipment.updated", [other.shipment_no]),
        ("order.status_changed", [order_no, f"{order_no}-2"]),
    ]
    assert [message.data["order"]["version"] for message in messages] == [8, 9]
    assert Order.objects.get().version == 9


def test_where_it_is_starts_anew_under_a_new_number(
    shop: World, merchant: Merchant, zto: Carrier
) -> None:
    shop.make_sku("A", north=10)
    shipment = ship(f"{pay(merchant)['order_no']}-1")
    follow("SF-1", ParcelStatus.LOST)
    settle_parcel(
        shipment_no=shipment.shipment_no, settlement="wrong number", actor="operator", now=NOON
    )

    change(shipment)

    shipment.refresh_from_db()
    assert (shipment.status, shipment.troubled_at, shipment.settled_at, shipment.settlement) == (
        "pending", None, None, ""
    )  # fmt: skip


def test_refused_when_shipment_or_carrier_is_not_there(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    shipment = ship(f"{pay(merchant)['order_no']}-1")
    Carrier.objects.create(code="gone", name="停用", is_active=False)
    before = everything()

    for carrier_code in ("unknown", "gone"):
        with pytest.raises(NotFound) as refused:
            change(shipment, carrier_code=carrier_code)
        assert refused.value.pointer == "/carrier"
    with pytest.raises(NotFound):
        change(Shipment(shipment_no="S260101AAAAAAAAAA"))

    assert everything() == before


def test_number_may_be_put_right_when_its_carrier_is_out_of_use(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=10)
    shipment = ship(f"{pay(merchant)['order_no']}-1")
    Carrier.objects.update(is_active=False)

    assert change(shipment, "SF-7", "sf").waybill_no == "SF-7"


@pytest.mark.django_db(transaction=True)
def test_number_is_taken_once_when_two_parcels_want_it_at_once(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant, items=[("A", 2)])["order_no"]
    parcels = [ship(f"{order_no}-1", {1: 1}, waybill_no=number) for number in ("SF-1", "SF-2")]
    version = Order.objects.get().version

    outcomes = race(
        *[lambda parcel=parcel: change(parcel, "SF-9", "sf").shipment_no for parcel in parcels]
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["FieldInvalid", "str"]
    assert isinstance(next(one for one in outcomes if not isinstance(one, str)), DomainError)
    assert Shipment.objects.filter(waybill_no="SF-9").count() == 1
    assert WaybillChange.objects.count() == 1
    assert Order.objects.get().version == version + 1
