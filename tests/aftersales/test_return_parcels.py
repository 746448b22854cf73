"""Merchants say in which parcels goods come back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from aftersales.errors import AftersaleStateConflict
from aftersales.models import ClaimParcel
from aftersales.services.cancelling import cancel_claim
from aftersales.services.transitions import Actor
from openplatform.audit.models import AuditEntry
from openplatform.connectors.models import TrackedParcel
from openplatform.core import clock
from openplatform.core.errors import NotFound, Refusal, TooManyItems
from openplatform.idempotency.services.replay import ReplayKey
from orders.models import Carrier, Order, Shipment
from tests.aftersales.acts import MERCHANT, OPERATOR, claim_of, everything, file, paid_part
from tests.aftersales.returning import (
    awaited,
    document_of,
    receive,
    report,
)
from tests.cast import Merchant, World
from tests.orders.acts import told


@pytest.fixture
def goods(goods: World) -> World:
    """With a second carrier, and one that is out of use."""
    Carrier.objects.create(code="zto", name="中通快递")
    Carrier.objects.create(code="gone", name="旧承运商", is_active=False)
    return goods


def test_claim_is_on_its_way_back_when_its_parcel_is_told(goods: World, merchant: Merchant) -> None:
    aftersale_no = awaited(merchant)
    left_at = clock.now() - timedelta(minutes=1)
    Order.objects.update(created_at=left_at - timedelta(days=1))

    answer = report(merchant, aftersale_no, shipped_at=left_at)

    document = document_of(answer)
    assert (answer.status, answer.is_replay) == (200, False)
    assert (document["status"], document["deadline"]) == ("return_shipped", None)
    assert document["return_shipments"] == [
        {
            "carrier": {"code": "sf", "name": "顺丰速运"},
            "waybill_no": "BACK-1",
            "shipped_at": clock.to_text(left_at),
            "status": "pending",
            "delivered_at": None,
        }
    ]
    assert document["history"][-1] == {
        "at": document["updated_at"],
        "from": "awaiting_return",
        "to": "return_shipped",
        "actor": "merchant",
        "note": None,
    }
    message = told(merchant)[-1]
    assert message.type == "aftersale.status_changed"
    assert message.data == {"aftersale": document}
    assert TrackedParcel.objects.get(waybill_no="BACK-1").refresh_at is not None


def test_same_parcel_again_is_a_replay_whatever_became_of_the_claim(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = awaited(merchant)
    report(merchant, aftersale_no)
    receive(aftersale_no)
    before = everything()

    answer = report(merchant, aftersale_no)

    assert (answer.status, answer.is_replay) == (200, True)
    assert document_of(answer)["status"] == "return_received"
    assert everything() == before


def test_one_parcel_more_is_told_when_goods_come_in_several(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = awaited(merchant)
    report(merchant, aftersale_no)
    version = claim_of(aftersale_no).version

    document = document_of(report(merchant, aftersale_no, "BACK-1", carrier="zto"))

    assert [
        (parcel["carrier"]["code"], parcel["waybill_no"]) for parcel in document["return_shipments"]
    ] == [("sf", "BACK-1"), ("zto", "BACK-1")]
    assert document["version"] == version + 1
    assert [event["to"] for event in document["history"]].count("return_shipped") == 1
    message = told(merchant)[-1]
    assert (message.type, message.data) == ("aftersale.status_changed", {"aftersale": document})


def test_operator_who_writes_a_parcel_down_is_in_the_trail(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = awaited(merchant)

    document = document_of(report(merchant, aftersale_no, by=OPERATOR))

    assert document["history"][-1]["actor"] == "operator"
    entry = AuditEntry.objects.get(action="enter_return_waybill")
    assert entry.actor == "operator"
    assert entry.after == {"carrier": "sf", "waybill_no": "BACK-1"}


def test_number_is_corrected_once_when_the_first_was_wrong(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = awaited(merchant)
    report(merchant, aftersale_no, "WRONG-1")
    ClaimParcel.objects.update(status="in_transit")

    corrected = report(merchant, aftersale_no, "RIGHT-1", carrier="zto", replaces="WRONG-1")
    again = report(merchant, aftersale_no, "RIGHT-1", carrier="zto", replaces="WRONG-1")

    [parcel] = document_of(corrected)["return_shipments"]
    assert (parcel["carrier"]["code"], parcel["waybill_no"]) == ("zto", "RIGHT-1")
    assert parcel["status"] == "pending"
    assert (corrected.is_replay, again.is_replay) == (False, True)
    assert document_of(again) == document_of(corrected)
    entry = AuditEntry.objects.get(action="change_return_waybill")
    assert entry.actor == "key:test"


def test_first_answer_is_kept_under_the_idempotency_key(goods: World, merchant: Merchant) -> None:
    aftersale_no = awaited(merchant)
    key = ReplayKey(merchant.partner.pk, "POST", "/x", "k-1", b"1")
    first = report(merchant, aftersale_no, replay=key)
    report(merchant, aftersale_no, "BACK-2")

    again = report(merchant, aftersale_no, replay=key)

    assert again.is_replay
    assert document_of(again) == document_of(first)


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"carrier": "none"}, [("field_invalid", "/carrier")]),
        ({"carrier": "gone"}, [("field_invalid", "/carrier")]),
        ({"waybill_no": "a b"}, [("string_invalid", "/waybill_no")]),
        ({"waybill_no": "X" * 65}, [("string_invalid", "/waybill_no")]),
        ({"waybill_no": ""}, [("string_invalid", "/waybill_no")]),
        (
            {"carrier": "s\x00f", "waybill_no": "A\x00", "replaces": "\ud800"},
            [
                ("field_invalid", "/carrier"),
                ("string_invalid", "/waybill_no"),
                ("field_invalid", "/replaces"),
            ],
        ),
        ({"replaces": "NEVER"}, [("field_invalid", "/replaces")]),
        ({"waybill_no": "TWO", "replaces": "ONE"}, [("field_invalid", "/waybill_no")]),
        ({"shipped_at": timedelta(hours=2)}, [("field_invalid", "/shipped_at")]),
        ({"shipped_at": timedelta(days=-700_000)}, [("field_invalid", "/shipped_at")]),
        (
            {"carrier": "none", "waybill_no": "单号", "shipped_at": timedelta(days=2)},
            [
                ("field_invalid", "/carrier"),
                ("string_invalid", "/waybill_no"),
                ("field_invalid", "/shipped_at"),
            ],
        ),
    ],
)
def test_refused_with_all_faults_when_the_parcel_cannot_be_one(
    goods: World, merchant: Merchant, fields: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    aftersale_no = awaited(merchant)
    report(merchant, aftersale_no, "ONE")
    report(merchant, aftersale_no, "TWO")
    before = everything()
    if isinstance(moved := fields.get("shipped_at"), timedelta):
        fields = {**fields, "shipped_at": clock.now() + moved}

    with pytest.raises(Refusal) as refusal:
        report(merchant, aftersale_no, **{"waybill_no": "NEW", **fields})

    assert [(fault.code, fault.pointer) for fault in refusal.value.faults] == faults
    assert everything() == before
    assert not TrackedParcel.objects.filter(waybill_no="NEW").exists()


@pytest.mark.parametrize("by", [MERCHANT, OPERATOR])
@pytest.mark.parametrize("replaces", [None, "ONE"])
def test_refused_when_a_parcel_of_the_merchant_went_out_under_the_number(
    goods: World, merchant: Merchant, by: Actor, replaces: str | None
) -> None:
    aftersale_no = awaited(merchant)
    awaited(merchant, number="2")
    report(merchant, aftersale_no, "ONE")
    before = everything()

    for number in ("SF-M-1", "SF-M-2"):
        with pytest.raises(Refusal) as refusal:
            report(merchant, aftersale_no, number, replaces=replaces, by=by)
        [fault] = refusal.value.faults
        assert (fault.code, fault.pointer) == ("field_invalid", "/waybill_no")

    assert everything() == before


def test_number_of_a_parcel_that_went_out_can_be_told_when_it_is_another_carriers(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = awaited(merchant)

    report(merchant, aftersale_no, "SF-M-1", carrier="zto")

    parcel = ClaimParcel.objects.get()
    assert (parcel.carrier.code, parcel.waybill_no, parcel.status) == ("zto", "SF-M-1", "pending")


def test_number_of_a_parcel_that_went_out_can_be_told_when_its_carrier_gave_it_again(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = awaited(merchant)
    long_ago = clock.now() - timedelta(days=60)
    Order.objects.update(created_at=long_ago)
    Shipment.objects.update(shipped_at=long_ago)

    report(merchant, aftersale_no, "SF-M-1")

    assert ClaimParcel.objects.get().waybill_no == "SF-M-1"


def test_refused_when_there_are_twenty_parcels(goods: World, merchant: Merchant) -> None:
    aftersale_no = awaited(merchant)
    for number in range(20):
        report(merchant, aftersale_no, f"BACK-{number}")
    before = everything()

    with pytest.raises(TooManyItems) as refusal:
        report(merchant, aftersale_no, "BACK-20")

    assert refusal.value.facts == {"maximum": 20}
    assert everything() == before


def test_refused_when_nothing_is_to_be_sent_back(goods: World, merchant: Merchant) -> None:
    submitted = file(merchant, paid_part(merchant))["aftersale_no"]
    arrived = awaited(merchant, number="2")
    receive(arrived)
    cancelled = awaited(merchant, number="3")
    cancel_claim(
        partner_id=merchant.partner.pk, aftersale_no=cancelled, actor="key:test", now=clock.now()
    )
    before = everything()

    for aftersale_no, status in (
        (submitted, "submitted"),
        (arrived, "return_received"),
        (cancelled, "cancelled"),
    ):
        with pytest.raises(AftersaleStateConflict) as refusal:
            report(merchant, aftersale_no)
        assert refusal.value.facts == {"aftersale_no": aftersale_no, "status": status}

    assert everything() == before


def test_refused_as_unknown_when_the_claim_is_another_merchants(
    goods: World, merchant: Merchant, stranger: Merchant
) -> None:
    aftersale_no = awaited(merchant)
    before = everything()

    with pytest.raises(NotFound):
        report(stranger, aftersale_no)

    assert everything() == before
