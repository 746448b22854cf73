"""What inspection did not accept goes back to its merchant."""

from __future__ import annotations

import pytest

from aftersales.errors import AftersaleStateConflict
from aftersales.inspections import InspectedLine
from aftersales.models import Claim
from aftersales.services.sending_back import send_back
from openplatform.audit.models import AuditEntry
from openplatform.connectors.models import TrackedParcel
from openplatform.core import clock
from openplatform.core.errors import DomainError
from tests.aftersales.acts import OPERATOR, add_picture, claim_of, everything
from tests.aftersales.returning import (
    Result,
    awaited,
    good,
    inspect,
    receive,
    received,
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
