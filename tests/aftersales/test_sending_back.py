"""What inspection did not accept goes back to its merchant."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aftersales.errors import AftersaleStateConflict
from aftersales.inspections import InspectedLine
from aftersales.models import Claim
from aftersales.services.sending_back import send_back
from openplatform.audit.models import AuditEntry
from openplatform.connectors.models import TrackedParcel
from openplatform.core import clock
from openplatform.core.errors import DomainError, FieldInvalid
from orders.models import Shipment
from orders.services.parcel_progress import NUMBER_IN_USE
from tests.aftersales.acts import OPERATOR, add_picture, claim_of, everything
from tests.aftersales.returning import (
    Result,
    awaited,
    good,
    inspect,
    receive,
    received,
    report,
)
from tests.cast import Merchant, World
from tests.orders.acts import told


def rejected(merchant: Merchant) -> str:
    """The number of a claim of which nothing was accepted."""
    aftersale_no = received(merchant)
    inspect(
        aftersale_no,
        {1: InspectedLine(0, 0, Result.OTHER_GOODS)},
        note="Not ours",
        picture_ids=(add_picture(merchant),),
    )
    return aftersale_no


def send(aftersale_no: str, waybill_no: str = "AGAIN-1", carrier: str = "sf") -> Claim:
    """The warehouse sends it."""
    return send_back(
        aftersale_no=aftersale_no,
        carrier_code=carrier,
        waybill_no=waybill_no,
        by=OPERATOR,
        now=clock.now(),
    )


def test_merchant_is_told_the_waybill_when_rejected_goods_go_back(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = rejected(merchant)
    version = claim_of(aftersale_no).version

    send(aftersale_no)

    message = told(merchant)[-1]
    assert message.type == "aftersale.status_changed"
    document = message.data["aftersale"]
    assert document["send_back"] == {
        "carrier": {"code": "sf", "name": "顺丰速运"},
        "waybill_no": "AGAIN-1",
    }
    assert (document["status"], document["version"]) == ("rejected", version + 1)
    assert document["return_shipments"] == []
    assert TrackedParcel.objects.get(waybill_no="AGAIN-1").refresh_at is not None
    entry = AuditEntry.objects.get(action="send_back")
    assert (entry.actor, entry.after) == ("operator", {"carrier": "sf", "waybill_no": "AGAIN-1"})


def test_same_parcel_again_changes_nothing(goods: World, merchant: Merchant) -> None:
    aftersale_no = rejected(merchant)
    send(aftersale_no)
    before = everything()

    send(aftersale_no)

    assert everything() == before


def test_what_was_not_accepted_goes_back_when_the_rest_was_refunded(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = received(merchant)
    inspect(aftersale_no, {1: InspectedLine(1, 1, Result.DAMAGED)})

    send(aftersale_no, "AGAIN-1")
    send(aftersale_no, "AGAIN-2")

    document = told(merchant)[-1].data["aftersale"]
    assert (document["status"], document["send_back"]["waybill_no"]) == ("refunded", "AGAIN-2")


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"carrier": "none"}, ("field_invalid", "/carrier")),
        ({"waybill_no": "a b"}, ("string_invalid", "/waybill_no")),
    ],
)
def test_refused_when_the_parcel_cannot_be_one(
    goods: World, merchant: Merchant, fields: dict[str, str], fault: tuple[str, str]
) -> None:
    aftersale_no = rejected(merchant)
    before = everything()

    with pytest.raises(DomainError) as refusal:
        send(aftersale_no, **fields)

    assert [(one.code, one.pointer) for one in refusal.value.faults] == [fault]
    assert everything() == before


def test_refused_when_the_number_is_that_of_a_parcel_that_came_back(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = rejected(merchant)
    report(merchant, awaited(merchant, number="2"), "BACK-2")
    before = everything()

    with pytest.raises(FieldInvalid) as refusal:
        send(aftersale_no, "BACK-2")

    assert (refusal.value.pointer, str(refusal.value.detail)) == (
        "/waybill_no",
        "Goods of a claim came back under this number: name the one of the new parcel",
    )
    assert everything() == before


def test_refused_when_the_number_is_that_of_a_shipment(goods: World, merchant: Merchant) -> None:
    aftersale_no = rejected(merchant)
    shipment = Shipment.objects.select_related("carrier").latest("pk")
    before = everything()

    with pytest.raises(FieldInvalid) as refusal:
        send(aftersale_no, shipment.waybill_no, shipment.carrier.code)

    assert (refusal.value.pointer, str(refusal.value.detail)) == (
        "/waybill_no",
        "An order was shipped under this number: name the one of the new parcel",
    )
    assert everything() == before


def test_goods_of_two_claims_go_back_in_one_parcel(goods: World, merchant: Merchant) -> None:
    numbers = []
    for number in ("1", "2"):
        numbers.append(received(merchant, number=number))
        inspect(numbers[-1], {1: InspectedLine(1, 1, Result.DAMAGED)})

    for aftersale_no in numbers:
        send(aftersale_no, "BOTH-1")

    assert [claim_of(one).parcels.get(direction="send_back").waybill_no for one in numbers] == [
        "BOTH-1", "BOTH-1",
    ]  # fmt: skip


def test_number_is_taken_when_its_carrier_gave_it_long_ago(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = rejected(merchant)
    shipment = Shipment.objects.select_related("carrier").latest("pk")
    Shipment.objects.filter(pk=shipment.pk).update(
        shipped_at=clock.now() - NUMBER_IN_USE - timedelta(seconds=1)
    )

    send(aftersale_no, shipment.waybill_no, shipment.carrier.code)

    assert claim_of(aftersale_no).parcels.filter(waybill_no=shipment.waybill_no).count() == 1


def test_refused_when_nothing_is_to_be_sent_back(goods: World, merchant: Merchant) -> None:
    waiting = received(merchant, number="1")
    refunded = received(merchant, number="2")
    inspect(refunded, {1: good(2)})
    empty = awaited(merchant, number="3")
    receive(empty, {})
    inspect(
        empty,
        {1: InspectedLine(0, 0, Result.FEWER)},
        note="Empty",
        picture_ids=(add_picture(merchant),),
    )
    before = everything()

    for aftersale_no in (waiting, refunded, empty):
        with pytest.raises(AftersaleStateConflict):
            send(aftersale_no)

    assert everything() == before
