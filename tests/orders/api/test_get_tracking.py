"""GET /shipments/{number}/tracking."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection

from openplatform.connectors.models import ProviderCall, TrackedParcel
from openplatform.connectors.parcels import ParcelStatus
from openplatform.connectors.providers.base import EventDraft
from openplatform.connectors.services.recording import record_events
from openplatform.connectors.services.refreshing import refresh_due_parcels
from openplatform.connectors.simulator.server import Simulator
from openplatform.core import clock
from openplatform.core.locking import transactional
from orders.models import Carrier, Shipment
from orders.selectors.tracking import get_tracking_document
from orders.services.shipping import change_waybill
from tests.cast import Merchant, World
from tests.connectors.conftest import MakeProvider, make_provider, simulator  # noqa: F401
from tests.orders.acts import pay, ship

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _private_hosts(settings: Any) -> None:
    settings.OUTGOING_PRIVATE_HOSTS = ["127.0.0.1"]


@pytest.fixture
def shipment(shop: World, merchant: Merchant) -> Shipment:
    """A parcel of three units: SF-1."""
    shop.make_sku("A", north=50)
    return ship(pay(merchant, items=[("A", 3)])["suborders"][0]["order_no"])


@transactional
def tell(*events: EventDraft, waybill_no: str = "SF-1", now: datetime | None = None) -> None:
    """What a file or a provider tells."""
    parcel = TrackedParcel.objects.get(waybill_no=waybill_no)
    record_events(parcel_id=parcel.pk, events=events, provider_id=None, now=now or clock.now())


def event(status: str, *, minutes: int = 0, text: str = "快件", place: str = "") -> EventDraft:
    return EventDraft(AT + timedelta(minutes=minutes), ParcelStatus(status), text, place)


def test_whole_answer_by_shipment_and_waybill_number(
    shipment: Shipment, merchant: Merchant
) -> None:
    tell(
        event("in_transit", minutes=30, text="到达转运中心"),
        event("picked_up", text="已揽收", place="上海市"),
    )
    as_of = clock.to_text(TrackedParcel.objects.get().as_of)

    answers = [
        merchant.api.get(f"/shipments/{number}/tracking")
        for number in (shipment.shipment_no, "SF-1")
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json() == {
        "carrier": {"code": "sf", "name": "顺丰速运"},
        "waybill_no": "SF-1",
        "shipment_nos": [shipment.shipment_no],
        "status": "in_transit",
        "delivered_at": None,
        "events": [
            {
                "at": "2026-03-01T18:00:00+08:00",
                "place": "上海市",
                "text": "已揽收",
                "status": "picked_up",
            },
            {
                "at": "2026-03-01T18:30:00+08:00",
                "place": None,
                "text": "到达转运中心",
                "status": "in_transit",
            },
        ],
        "as_of": as_of,
        "is_stale": False,
    }


def test_pending_and_stale_when_nothing_was_heard_yet(
    shipment: Shipment, merchant: Merchant
) -> None:
    body = merchant.api.get("/shipments/SF-1/tracking").json()

    assert (body["status"], body["events"], body["as_of"], body["is_stale"]) == (
        "pending", [], None, True,
    )  # fmt: skip


def test_delivered_is_not_stale_however_old(shipment: Shipment, merchant: Merchant) -> None:
    tell(event("delivered"), now=clock.now() - timedelta(days=300))

    body = merchant.api.get("/shipments/SF-1/tracking").json()

    assert (body["status"], body["is_stale"]) == ("delivered", False)
    assert body["delivered_at"] == "2026-03-01T18:00:00+08:00"


def test_paid_provider_is_called_once_within_its_interval_when_asked_again_and_again(
    shipment: Shipment,
    merchant: Merchant,
    make_provider: MakeProvider,  # noqa: F811
    simulator: Simulator,  # noqa: F811
) -> None:
    make_provider(interval_seconds=600)
    simulator.seconds = 100_000

    for turn in range(250):
        get_tracking_document(partner_id=merchant.partner.pk, number="SF-1", carrier_code=None)
        if turn % 20 == 0:
            refresh_due_parcels()

    assert simulator.calls == {"/track": 1}
    assert ProviderCall.objects.count() == 1
    body = merchant.api.get("/shipments/SF-1/tracking").json()
    assert (body["status"], body["is_stale"]) == ("picked_up", False)


def test_worker_asks_next_when_the_answer_is_stale(
    shipment: Shipment,
    merchant: Merchant,
    make_provider: MakeProvider,  # noqa: F811
    simulator: Simulator,  # noqa: F811
) -> None:
    make_provider(interval_seconds=600, refresh_seconds=36000)
    simulator.seconds = 100_000
    refresh_due_parcels()
    assert refresh_due_parcels() == 0
    hour_ago = clock.now() - timedelta(hours=1)
    TrackedParcel.objects.update(as_of=hour_ago, tried_at=hour_ago)
    ProviderCall.objects.update(created_at=hour_ago)

    first = merchant.api.get("/shipments/SF-1/tracking").json()
    refresh_due_parcels()
    second = merchant.api.get("/shipments/SF-1/tracking").json()

    assert (first["is_stale"], second["is_stale"]) == (True, False)
    assert simulator.calls == {"/track": 2}


def test_parcel_that_nobody_tracked_is_tracked_from_now_on(
    shipment: Shipment, merchant: Merchant
) -> None:
    TrackedParcel.objects.all().delete()

    assert merchant.api.get("/shipments/SF-1/tracking").json()["status"] == "pending"
    assert TrackedParcel.objects.get().refresh_at is not None


def test_carrier_is_asked_for_when_several_use_the_number(
    shop: World, shipment: Shipment, merchant: Merchant
) -> None:
    Carrier.objects.create(code="yto", name="圆通速递")
    order_no = pay(merchant, "M-2")["suborders"][0]["order_no"]
    other = ship(order_no, waybill_no="SF-1", carrier_code="yto")

    ambiguous = merchant.api.get("/shipments/SF-1/tracking")
    named = merchant.api.get("/shipments/SF-1/tracking", carrier="yto")

    assert (ambiguous.status_code, ambiguous.json()["code"]) == (422, "field_required")
    [fault] = ambiguous.json()["errors"]
    assert (fault["pointer"], fault["carriers"]) == ("?carrier", ["sf", "yto"])
    assert named.json()["shipment_nos"] == [other.shipment_no]
    assert merchant.api.get(f"/shipments/{other.shipment_no}/tracking").status_code == 200


def test_goods_of_several_suborders_in_one_parcel_are_told_together(
    shop: World, shipment: Shipment, merchant: Merchant, stranger: Merchant
) -> None:
    other = ship(pay(merchant, "M-2")["suborders"][0]["order_no"])
    shop.open_pool_to(stranger)
    foreign = ship(pay(stranger, "M-3")["suborders"][0]["order_no"])

    body = merchant.api.get("/shipments/SF-1/tracking").json()

    assert body["shipment_nos"] == [shipment.shipment_no, other.shipment_no]
    assert stranger.api.get("/shipments/SF-1/tracking").json()["shipment_nos"] == [
        foreign.shipment_no
    ]


def test_parcel_is_found_by_its_new_number_when_the_waybill_changed(
    shipment: Shipment, merchant: Merchant
) -> None:
    tell(event("in_transit"))
    change_waybill(
        shipment_no=shipment.shipment_no, carrier_code="sf", waybill_no="SF-2", reason="",
        actor="operator", now=clock.now(),
    )  # fmt: skip

    body = merchant.api.get(f"/shipments/{shipment.shipment_no}/tracking").json()

    assert (body["waybill_no"], body["status"], body["events"]) == ("SF-2", "pending", [])
    assert merchant.api.get("/shipments/SF-1/tracking").status_code == 404


def test_events_of_an_older_parcel_with_the_number_do_not_show(
    shipment: Shipment, merchant: Merchant
) -> None:
    tell(event("delivered"))
    long_ago = clock.now() - timedelta(days=400)
    TrackedParcel.objects.update(as_of=long_ago, created_at=long_ago)

    again = ship(pay(merchant, "M-2")["suborders"][0]["order_no"])

    body = merchant.api.get(f"/shipments/{again.shipment_no}/tracking").json()
    assert (body["status"], body["events"], body["as_of"]) == ("pending", [], None)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"carrier": ""}, 422, "field_invalid"),
        ({"carrier": "顺丰"}, 422, "field_invalid"),
        ({"carrier": "s" * 65}, 422, "field_invalid"),
        ({"carrier": "sf\0"}, 422, "field_invalid"),
        ({"carrier": "yto"}, 404, "not_found"),
        ({"waybill_no": "SF-1"}, 400, "filter_not_allowed"),
    ],
)
def test_refused_when_the_query_is_not_right(
    shipment: Shipment, merchant: Merchant, query: dict[str, str], status: int, code: str
) -> None:
    response = merchant.api.get("/shipments/SF-1/tracking", **query)

    assert (response.status_code, response.json()["code"]) == (status, code)


@pytest.mark.parametrize("number", ["SF-2", "１", "%00", "..", "S" * 65, "sf-1"])
def test_missing_when_there_is_no_such_parcel(
    shipment: Shipment, merchant: Merchant, number: str
) -> None:
    response = merchant.api.get(f"/shipments/{number}/tracking")

    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_as_if_missing_when_it_is_of_another_merchant(
    shipment: Shipment, stranger: Merchant
) -> None:
    answers = [
        stranger.api.get(f"/shipments/{number}/tracking")
        for number in (shipment.shipment_no, "SF-1", "SF-404")
    ]

    assert {answer.status_code for answer in answers} == {404}
    bodies = [{**answer.json(), "request_id": ""} for answer in answers]
    assert bodies[0] == bodies[1] == bodies[2]


def test_refused_without_key_and_without_scope(shipment: Shipment, merchant: Merchant) -> None:
    response = merchant.api_with("catalog:read").get("/shipments/SF-1/tracking")

    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")


def test_statements_are_as_many_when_there_are_more_events(
    shipment: Shipment, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    tell(*[event("in_transit", minutes=number) for number in range(40)])

    with django_assert_num_queries(5):  # one of them looks among the parcels of claims
        get_tracking_document(partner_id=merchant.partner.pk, number="SF-1", carrier_code=None)


@pytest.mark.django_db(transaction=True)
def test_caller_does_not_wait_when_the_provider_is_slow(
    shop: World,
    merchant: Merchant,
    make_provider: MakeProvider,  # noqa: F811
    simulator: Simulator,  # noqa: F811
) -> None:
    shop.make_sku("A", north=5)
    ship(pay(merchant)["suborders"][0]["order_no"], waybill_no="SF-SLOW-1")
    make_provider(timeout_seconds=1)
    began = clock.now()

    def work() -> None:
        refresh_due_parcels()
        connection.close()

    worker = Thread(target=work)
    worker.start()
    body = merchant.api.get("/shipments/SF-SLOW-1/tracking").json()
    took = clock.now() - began
    worker.join(10)

    assert body["status"] == "pending"
    assert took < timedelta(seconds=0.9)
