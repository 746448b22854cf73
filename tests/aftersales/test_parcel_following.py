"""Return parcels are asked about, and claims show where they are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from aftersales.inspections import InspectedLine
from aftersales.models import ClaimParcel
from aftersales.services.parcel_following import awaits_claim_parcel, watch_claim_parcels
from openplatform.connectors.interest import is_awaited
from openplatform.connectors.models import ParcelEvent, TrackedParcel
from openplatform.connectors.parcels import ParcelStatus
from openplatform.connectors.providers.base import EventDraft
from openplatform.connectors.services.recording import record_events
from openplatform.connectors.services.refreshing import refresh_due_parcels
from openplatform.core import clock
from openplatform.core.locking import transactional
from orders.models import Carrier, Shipment
from orders.services.parcel_following import follow_changed_parcels, watch_open_parcels
from tests.aftersales.acts import add_picture, everything
from tests.aftersales.returning import (
    Result,
    awaited,
    document_of,
    inspect,
    receive,
    report,
)
from tests.aftersales.test_sending_back import send
from tests.cast import Merchant, World
from tests.connectors.conftest import MakeProvider, make_provider, simulator  # noqa: F401
from tests.orders.acts import told


@pytest.fixture(autouse=True)
def _private_hosts(settings: Any) -> None:
    settings.OUTGOING_PRIVATE_HOSTS = ["127.0.0.1"]


@transactional
def hear(waybill_no: str, status: str, *, at: datetime | None = None) -> None:
    """What a file tells of a parcel."""
    event = EventDraft(at or clock.now(), ParcelStatus(status), "快件", "上海")
    parcel_id = TrackedParcel.objects.get(waybill_no=waybill_no).pk
    record_events(parcel_id=parcel_id, events=[event], provider_id=None, now=clock.now())


def tracking(merchant: Merchant, number: str, **parameters: Any) -> Any:
    return merchant.api.get(f"/shipments/{number}/tracking", **parameters)


def test_return_arrives_by_itself_when_the_provider_says_so(
    goods: World,
    merchant: Merchant,
    make_provider: MakeProvider,  # noqa: F811
) -> None:
    make_provider()
    aftersale_no = awaited(merchant)
    TrackedParcel.objects.update(refresh_at=None)  # the one in which the goods had gone out
    report(merchant, aftersale_no)
    before = len(told(merchant))

    refresh_due_parcels()
    follow_changed_parcels()

    [message] = told(merchant)[before:]
    assert message.type == "aftersale.status_changed"
    document = message.data["aftersale"]
    [parcel] = document["return_shipments"]
    assert (document["status"], parcel["status"]) == ("return_shipped", "delivered")
    assert parcel["delivered_at"] is not None
    shown = tracking(merchant, "BACK-1").json()
    assert (shown["waybill_no"], shown["shipment_nos"], shown["status"]) == (
        "BACK-1",
        [],
        "delivered",
    )
    assert len(shown["events"]) == ParcelEvent.objects.filter(parcel__waybill_no="BACK-1").count()
    assert follow_changed_parcels() == 0


def test_merchant_is_told_once_of_each_step(goods: World, merchant: Merchant) -> None:
    aftersale_no = awaited(merchant)
    report(merchant, aftersale_no)
    before = len(told(merchant))

    hear("BACK-1", "in_transit")
    follow_changed_parcels()
    hear("BACK-1", "in_transit")
    follow_changed_parcels()

    [message] = told(merchant)[before:]
    assert message.data["aftersale"]["return_shipments"][0]["status"] == "in_transit"


def test_claim_stays_as_it_was_received_whatever_is_heard_later(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = awaited(merchant)
    report(merchant, aftersale_no)
    receive(aftersale_no)
    before = everything()

    hear("BACK-1", "in_transit")
    follow_changed_parcels()

    assert everything() == before
    assert not awaits_claim_parcel("sf", "BACK-1")
    assert tracking(merchant, "BACK-1").json()["status"] == "in_transit"


def test_return_in_the_parcel_that_had_brought_the_goods_is_followed(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = awaited(merchant)
    report(merchant, aftersale_no)
    Shipment.objects.update(waybill_no="BACK-1")  # corrected since

    hear("BACK-1", "returned")
    follow_changed_parcels()

    assert ClaimParcel.objects.get().status == "returned"
    shown = tracking(merchant, "BACK-1").json()
    assert len(shown["shipment_nos"]) == 1


def test_what_is_sent_back_is_followed_in_silence(goods: World, merchant: Merchant) -> None:
    aftersale_no = awaited(merchant)
    receive(aftersale_no)
    inspect(
        aftersale_no,
        {1: InspectedLine(0, 0, Result.DAMAGED)},
        note="Used",
        picture_ids=(add_picture(merchant),),
    )
    send(aftersale_no)
    before = len(told(merchant))
    assert awaits_claim_parcel("sf", "AGAIN-1")

    hear("AGAIN-1", "delivered")
    follow_changed_parcels()

    parcel = ClaimParcel.objects.get(waybill_no="AGAIN-1")
    assert (parcel.status, parcel.delivered_at is not None) == ("delivered", True)
    assert len(told(merchant)) == before
    assert not awaits_claim_parcel("sf", "AGAIN-1")
    assert tracking(merchant, "AGAIN-1").json()["status"] == "delivered"


def test_parcel_of_another_merchant_is_neither_shown_nor_followed(
    goods: World, merchant: Merchant, stranger: Merchant
) -> None:
    goods.open_pool_to(stranger)
    awaited(stranger, number="9")  # was sent in SF-M-9
    TrackedParcel.objects.filter(waybill_no="SF-M-9").delete()
    TrackedParcel.objects.create(carrier_code="sf", waybill_no="SF-M-9")
    hear("SF-M-9", "in_transit")
    tracked = TrackedParcel.objects.filter(waybill_no="SF-M-9").values().get()
    aftersale_no = awaited(merchant)

    answer = report(merchant, aftersale_no, "SF-M-9")

    assert document_of(answer)["return_shipments"][0]["status"] == "pending"
    assert TrackedParcel.objects.filter(waybill_no="SF-M-9").values().get() == tracked
    follow_changed_parcels()
    assert ClaimParcel.objects.get().status == "pending"
    shown = tracking(merchant, "SF-M-9").json()
    assert (shown["status"], shown["events"], shown["as_of"]) == ("pending", [], None)
    assert not awaits_claim_parcel("sf", "SF-M-9")
    assert len(tracking(stranger, "SF-M-9").json()["events"]) == 1


def test_first_to_name_a_parcel_follows_it_when_two_merchants_do(
    goods: World, merchant: Merchant, stranger: Merchant
) -> None:
    goods.open_pool_to(stranger)
    first, second = awaited(merchant, number="1"), awaited(stranger, number="2")
    report(merchant, first, "BACK-7")
    report(stranger, second, "BACK-7")

    hear("BACK-7", "in_transit")
    follow_changed_parcels()

    assert [
        (parcel.claim.aftersale_no, parcel.status)
        for parcel in ClaimParcel.objects.select_related("claim").order_by("id")
    ] == [(first, "in_transit"), (second, "pending")]


def test_older_parcel_with_the_number_says_nothing_of_the_return(
    goods: World, merchant: Merchant
) -> None:
    long_ago = clock.now() - timedelta(days=100)
    TrackedParcel.objects.create(carrier_code="sf", waybill_no="BACK-1", created_at=long_ago)
    hear("BACK-1", "delivered", at=long_ago)
    TrackedParcel.objects.update(as_of=long_ago, follow_at=None)
    aftersale_no = awaited(merchant)

    report(merchant, aftersale_no)
    follow_changed_parcels()

    assert ClaimParcel.objects.get().status == "pending"
    shown = tracking(merchant, "BACK-1").json()
    assert (shown["status"], shown["events"]) == ("pending", [])


def test_carrier_is_asked_for_when_two_have_a_parcel_with_the_number(
    goods: World, merchant: Merchant
) -> None:
    Carrier.objects.create(code="zto", name="中通快递")
    aftersale_no = awaited(merchant)
    report(merchant, aftersale_no, "BACK-1")
    report(merchant, aftersale_no, "BACK-1", carrier="zto")

    refused = tracking(merchant, "BACK-1")
    answered = tracking(merchant, "BACK-1", carrier="zto")

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["carriers"] == ["sf", "zto"]
    assert answered.json()["carrier"] == {"code": "zto", "name": "中通快递"}


def test_unknown_to_others_when_a_return_is_not_theirs(
    goods: World, merchant: Merchant, stranger: Merchant
) -> None:
    report(merchant, awaited(merchant))

    assert tracking(stranger, "BACK-1").status_code == 404


def test_parcel_left_alone_is_asked_about_again_by_the_daily_job(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = awaited(merchant)
    report(merchant, aftersale_no)
    assert is_awaited("sf", "BACK-1")
    TrackedParcel.objects.filter(waybill_no="BACK-1").update(refresh_at=None)

    assert watch_claim_parcels() == 1

    assert TrackedParcel.objects.get(waybill_no="BACK-1").refresh_at is not None
    assert watch_claim_parcels() == 0
    assert watch_open_parcels() == 0
    receive(aftersale_no)
    TrackedParcel.objects.filter(waybill_no="BACK-1").update(refresh_at=None)
    assert watch_claim_parcels() == 0
