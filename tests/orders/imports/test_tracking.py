"""`import tracking`."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from openplatform.connectors.models import ParcelEvent, TrackedParcel
from orders.models import Carrier, Order
from orders.services.parcel_following import follow_changed_parcels
from tests.cast import Merchant, World
from tests.imports.files import Desk
from tests.orders.acts import pay, ship


@pytest.fixture(autouse=True)
def _sent(shop: World, merchant: Merchant) -> None:
    """A parcel: SF-1."""
    shop.make_sku("A", north=50)
    ship(pay(merchant)["suborders"][0]["order_no"])


def row(waybill_no: str = "SF-1", **values: Any) -> dict[str, Any]:
    return {
        "waybill_no": waybill_no, "at": "2026-03-01 10:00", "status": "picked_up", "text": "揽收",
        "place": "", "carrier": "", **values,
    }  # fmt: skip


def test_orders_follow_what_the_file_tells(desk: Desk, merchant: Merchant) -> None:
    counts = desk.counts(
        "tracking",
        row(status="delivered", at="2026-03-02 09:30", text="已签收", place="北京市"),
        row(),
    )
    follow_changed_parcels()

    assert counts == (2, 0, 0)
    body = merchant.api.get("/shipments/SF-1/tracking").json()
    assert (body["status"], body["delivered_at"]) == ("delivered", "2026-03-02T09:30:00+08:00")
    assert [(event["text"], event["place"]) for event in body["events"]] == [
        ("揽收", None), ("已签收", "北京市"),
    ]  # fmt: skip
    assert Order.objects.get().status == "delivered"


def test_nothing_changes_when_the_file_comes_again(desk: Desk) -> None:
    desk.load("tracking", row())
    version = TrackedParcel.objects.get().version

    assert desk.counts("tracking", row(), row()) == (0, 0, 2)
    assert TrackedParcel.objects.get().version == version
    assert ParcelEvent.objects.count() == 1


def test_dry_run_writes_nothing(desk: Desk) -> None:
    report = desk.load("tracking", row(), dry_run=True)

    assert (report.created, report.is_dry_run) == (1, True)
    assert not ParcelEvent.objects.exists()


def test_parcel_sent_before_anybody_tracked_it_is_found(desk: Desk) -> None:
    TrackedParcel.objects.all().delete()

    assert desk.counts("tracking", row()) == (1, 0, 0)
    assert TrackedParcel.objects.get().status == "picked_up"


def test_all_faults_are_told_and_nothing_is_written(
    desk: Desk, shop: World, merchant: Merchant
) -> None:
    Carrier.objects.create(code="yto", name="圆通速递")
    ship(pay(merchant, "M-2")["suborders"][0]["order_no"], carrier_code="yto", waybill_no="SF-1")

    faults = desk.faults(
        "tracking",
        row(carrier="sf"),
        row(),
        row("SF-2"),
        row(carrier="zto"),
        row(carrier="sf", at="2999-01-01 00:00"),
        row(status="somewhere"),
        row(text=""),
        row(at="yesterday"),
        row("SF 1"),
    )

    assert faults == [
        (3, "carrier", "field_invalid"),
        (4, "waybill_no", "field_invalid"),
        (5, "waybill_no", "field_invalid"),
        (6, "at", "field_invalid"),
        (7, "status", "field_invalid"),
        (8, "text", "field_required"),
        (9, "at", "field_invalid"),
        (10, "waybill_no", "string_invalid"),
    ]
    assert not ParcelEvent.objects.exists()


def test_carrier_column_may_be_missing(desk: Desk) -> None:
    values = row()
    del values["carrier"], values["place"]

    assert desk.counts("tracking", values) == (1, 0, 0)


def test_parcels_are_locked_by_primary_key_when_the_file_names_them_in_another_order(
    desk: Desk, merchant: Merchant
) -> None:
    """SF-1 was known first; what is not known yet is written down by number."""
    for number, waybill_no in enumerate(("SF-3", "SF-0", "SF-2")):
        ship(pay(merchant, f"O-{number}")["suborders"][0]["order_no"], waybill_no=waybill_no)
    TrackedParcel.objects.exclude(waybill_no="SF-1").delete()
    asked: list[tuple[str, Any]] = []

    def listen(execute: Any, statement: str, parameters: Any, *rest: Any) -> Any:
        asked.append((statement, parameters))
        return execute(statement, parameters, *rest)

    with connection.execute_wrapper(listen):
        desk.load("tracking", *[row(waybill_no) for waybill_no in ("SF-3", "SF-0", "SF-2", "SF-1")])

    known = TrackedParcel.objects.order_by("pk").values_list("waybill_no", flat=True)
    assert list(known) == ["SF-1", "SF-0", "SF-2", "SF-3"]
    first_lock = next(statement for statement, _rest in asked if "FOR NO KEY UPDATE" in statement)
    assert "ORDER BY parcel.id\n    FOR NO KEY UPDATE OF parcel" in first_lock
    told = ParcelEvent.objects.order_by("pk").values_list("parcel__waybill_no", flat=True)
    assert list(told) == list(known)
