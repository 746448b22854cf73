"""Parcels in the back office: waybills, the queue of those in trouble, what is to be shipped."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from openplatform.audit.models import AuditEntry
from openplatform.connectors.parcels import ParcelStatus
from openplatform.core import clock
from openplatform.core.locking import transactional
from orders.models import Carrier, Order, Shipment, Suborder, WaybillChange
from orders.services.parcel_progress import follow_parcel
from tests.backoffice.conftest import Staff
from tests.cast import CONSIGNEE, Merchant, World
from tests.orders.acts import ship

LIST = "admin:orders_shipment_changelist"


@transactional
def follow(status: ParcelStatus) -> None:
    follow_parcel(
        carrier_code="sf", waybill_no="SF-1", status=status, delivered_at=None, now=clock.now()
    )


@pytest.fixture
def parcel(to_ship: Suborder) -> Shipment:
    """A parcel with everything in it."""
    return ship(to_ship.order_no)


def _errors(response: Any) -> dict[str, list[str]]:
    return dict(response.context["form"].errors)


def test_waybill_is_changed_and_its_history_shown(parcel: Shipment, boss: Client) -> None:
    zto = Carrier.objects.create(code="zto", name="中通快递")
    url = reverse("admin:orders_shipment_change_number", args=(parcel.pk,))

    page = boss.get(url)
    response = boss.post(
        url, {"carrier": zto.pk, "waybill_no": "ZTO-1", "reason": "label was torn"}, follow=True
    )

    assert page.context["form"].initial["carrier"] == parcel.carrier_id
    parcel.refresh_from_db()
    assert (parcel.carrier, parcel.waybill_no) == (zto, "ZTO-1")
    text = response.content.decode()
    assert "goes under waybill ZTO-1" in text
    assert "label was torn" in text
    entry = AuditEntry.objects.get(action="change_waybill")
    assert (entry.actor, entry.reason) == ("boss", "label was torn")


def test_operator_is_told_that_nothing_changed_when_the_waybill_is_the_same(
    parcel: Shipment, boss: Client
) -> None:
    form = {"carrier": parcel.carrier_id, "waybill_no": parcel.waybill_no, "reason": "a slip"}
    version = Order.objects.get().version

    response = boss.post(
        reverse("admin:orders_shipment_change_number", args=(parcel.pk,)), form, follow=True
    )

    assert response.redirect_chain == [
        (reverse("admin:orders_shipment_change", args=(parcel.pk,)), 302)
    ]
    assert [str(message) for message in response.context["messages"]] == [
        "Nothing was changed: the shipment goes under this waybill already"
    ]
    assert not WaybillChange.objects.exists()
    assert Order.objects.get().version == version


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"waybill_no": "7.6E+14"}, "waybill_no"),
        ({"waybill_no": "SF 1"}, "waybill_no"),
        ({"waybill_no": ""}, "waybill_no"),
        ({"reason": ""}, "reason"),
        ({"carrier": "0"}, "carrier"),
    ],
)
def test_waybill_stays_when_the_form_is_wrong(
    parcel: Shipment, boss: Client, fields: dict[str, str], field: str
) -> None:
    form = {"carrier": parcel.carrier_id, "waybill_no": "SF-2", "reason": "torn", **fields}

    response = boss.post(reverse("admin:orders_shipment_change_number", args=(parcel.pk,)), form)

    assert list(_errors(response)) == [field]
    assert not WaybillChange.objects.exists()
    assert Shipment.objects.get().waybill_no == "SF-1"


def test_parcel_in_trouble_is_in_the_queue_until_it_is_settled(
    parcel: Shipment, boss: Client
) -> None:
    follow(ParcelStatus.LOST)

    queue = boss.get(reverse(LIST), {"trouble": "open"})
    waiting = list(queue.context["cl"].queryset)
    response = boss.post(
        reverse("admin:orders_shipment_settle", args=(parcel.pk,)),
        {"settlement": "carrier pays"},
        follow=True,
    )

    assert waiting == [parcel]
    assert reverse("admin:orders_shipment_settle", args=(parcel.pk,)) in queue.content.decode()
    assert "is settled" in response.content.decode()
    assert list(response.context["cl"].queryset) == []
    settled = boss.get(reverse(LIST), {"trouble": "settled"})
    assert [row.settlement for row in settled.context["cl"].queryset] == ["carrier pays"]


def test_sidebar_counts_the_parcels_in_trouble(parcel: Shipment, boss: Client) -> None:
    def badge() -> Any:
        items = [
            item
            for group in boss.get(reverse(LIST)).context["sidebar_navigation"]
            for item in group["items"]
            if item["title"] == "Parcels in trouble"
        ]
        return items[0].get("badge")

    before = badge()
    follow(ParcelStatus.REFUSED)

    assert (before, badge()) == (None, 1)


def test_settling_is_not_offered_when_there_is_nothing_to_settle(
    parcel: Shipment, boss: Client
) -> None:
    url = reverse("admin:orders_shipment_settle", args=(parcel.pk,))

    pages = [
        boss.get(reverse("admin:orders_shipment_change", args=(parcel.pk,))),
        boss.get(reverse(LIST)),
    ]

    assert [url in page.content.decode() for page in pages] == [False, False]
    assert boss.post(url, {"settlement": "x"}).status_code == 403
    assert Shipment.objects.get().settled_at is None


def test_staff_who_may_only_look_change_nothing(parcel: Shipment, staff: Staff) -> None:
    follow(ParcelStatus.LOST)
    viewer = staff("orders.view_shipment", "orders.view_suborder")

    answers = [
        viewer.post(
            reverse("admin:orders_shipment_settle", args=(parcel.pk,)), {"settlement": "x"}
        ),
        viewer.post(
            reverse("admin:orders_shipment_change_number", args=(parcel.pk,)),
            {"carrier": parcel.carrier_id, "waybill_no": "SF-2", "reason": "x"},
        ),
        viewer.post(reverse("admin:orders_suborder_export_to_ship"), {"format": "csv"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert (Shipment.objects.get().waybill_no, Shipment.objects.get().settled_at) == ("SF-1", None)
    assert not AuditEntry.objects.filter(action="export_to_ship").exists()


def test_file_of_one_warehouse_is_downloaded_and_recorded(
    shop: World, to_ship: Suborder, boss: Client
) -> None:
    url = reverse("admin:orders_suborder_export_to_ship")

    north = boss.post(url, {"warehouse": shop.north.pk, "format": "csv"})
    south = boss.post(url, {"warehouse": shop.south.pk, "format": "csv"})
    everything = boss.post(url, {"warehouse": "", "format": "xlsx"})

    rows = [
        list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        for answer in (north, south)
    ]
    assert [[row["order_no"] for row in part] for part in rows] == [[to_ship.order_no], []]
    assert north.headers["Cache-Control"].startswith("no-store")
    assert 'attachment; filename="to-ship-north-' in north.headers["Content-Disposition"]
    assert everything.content.startswith(b"PK")
    entries = AuditEntry.objects.filter(action="export_to_ship").order_by("id")
    assert [(entry.actor, entry.after) for entry in entries] == [
        ("boss", {"rows": 1}),
        ("boss", {"rows": 0}),
        ("boss", {"rows": 1}),
    ]
    assert CONSIGNEE["phone"] not in "".join(str(entry.after) for entry in entries)


def test_selected_suborders_are_exported(to_ship: Suborder, boss: Client) -> None:
    response = boss.post(
        reverse("admin:orders_suborder_changelist"),
        {"action": "export_selected", "_selected_action": [to_ship.pk]},
    )

    assert response.content.startswith(b"PK")
    assert AuditEntry.objects.get(action="export_to_ship").after == {"rows": 1}


def test_suborder_page_says_when_the_consignee_is_erased(
    to_ship: Suborder, merchant: Merchant, boss: Client
) -> None:
    Order.objects.update(consignee_name="", consignee_phone="", consignee_erased_at=clock.now())

    page = boss.get(reverse("admin:orders_suborder_change", args=(to_ship.pk,)))

    assert "Erased" in page.content.decode()
