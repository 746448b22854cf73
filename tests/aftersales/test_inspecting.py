"""What came back is looked at: refunded, restocked, written off, or sent back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from accounts.models import LedgerEntry
from aftersales.errors import AftersaleStateConflict
from aftersales.inspections import InspectedLine
from aftersales.models import Claim
from aftersales.services.deciding import ApprovedLine
from catalog.errors import PreviewOutdated
from catalog.models import StockMovement
from openplatform.audit.models import AuditEntry
from openplatform.core.errors import DomainError, FieldInvalid, FieldRequired
from orders.models import Suborder
from tests.aftersales.acts import (
    add_picture,
    claim_of,
    everything,
    file_for_return,
    line_numbers,
)
from tests.aftersales.returning import (
    Result,
    awaited,
    good,
    inspect,
    receive,
    received,
)
from tests.cast import Merchant, World
from tests.orders.acts import stock_numbers, told


def part_no(aftersale_no: str) -> str:
    return claim_of(aftersale_no).suborder.order_no


def movements() -> list[tuple[str, str, int, int, str]]:
    """Those of returns, in order."""
    return [
        (row.stock.sku.code, row.cause, row.on_hand_change, row.outgoing_change, row.document_no)
        for row in StockMovement.objects.filter(cause__startswith="return").order_by("id")
    ]


def test_everything_is_refunded_and_sold_again_when_it_is_as_expected(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = received(merchant)

    inspect(aftersale_no, {1: good(2)}, note="全部完好")

    claim = claim_of(aftersale_no)
    assert (claim.status, claim.goods_refund_amount, claim.freight_refund_amount) == (
        "refunded",
        Decimal("20.00"),
        Decimal("0.00"),
    )
    assert line_numbers(part_no(aftersale_no)) == (2, 0, 2, 0, 0, "20.00")
    assert stock_numbers() == (10, 0, 0)
    assert movements() == [("A", "returned", 2, 0, aftersale_no)]
    entry = LedgerEntry.objects.get(document="aftersale")
    assert (entry.amount, entry.document_no, entry.aftersale_no, entry.suborder_no) == (
        Decimal("20.00"),
        aftersale_no,
        aftersale_no,
        part_no(aftersale_no),
    )
    message = told(merchant)[-1]
    assert message.type == "aftersale.completed"
    document = message.data["aftersale"]
    assert document["items"] == [
        {
            "line_no": "1",
            "sku": "A",
            "quantity": 2,
            "approved_quantity": 2,
            "received_quantity": 2,
            "accepted_quantity": 2,
            "inspection": "as_expected",
            "refund_amount": "20.00",
        }
    ]
    assert document["history"][-1]["note"] == "全部完好"
    assert AuditEntry.objects.get(action="inspect_return").actor == "operator"


def test_damaged_units_are_refunded_and_written_off_when_they_are_accepted_all_the_same(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = received(merchant, items={"A": 3})

    inspect(aftersale_no, {1: InspectedLine(3, 1, Result.DAMAGED)})

    assert claim_of(aftersale_no).refund_amount == Decimal("30.00")
    assert stock_numbers() == (8, 0, 0)
    assert movements() == [
        ("A", "returned", 1, 0, aftersale_no),
        ("A", "returned", 2, 0, aftersale_no),
        ("A", "returned_off", -2, 0, aftersale_no),
    ]


def test_units_that_did_not_come_can_be_claimed_again(goods: World, merchant: Merchant) -> None:
    aftersale_no = awaited(merchant, items={"A": 3})
    receive(aftersale_no, {1: 2})

    inspect(aftersale_no, {1: InspectedLine(1, 1, Result.FEWER)})

    claim = claim_of(aftersale_no)
    assert (claim.status, claim.refund_amount) == ("refunded", Decimal("10.00"))
    assert line_numbers(part_no(aftersale_no)) == (3, 0, 1, 0, 0, "10.00")
    assert stock_numbers() == (8, 0, 0)
    again = file_for_return(merchant, part_no(aftersale_no), {1: 2}, merchant_aftersale_no="R-2")
    assert again["status"] == "submitted"


def test_each_unit_gets_its_part_when_a_lower_amount_was_decided(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = received(merchant, items={"A": 3}, lines={1: ApprovedLine(3, Decimal("10.00"))})

    inspect(aftersale_no, {1: InspectedLine(2, 2, Result.OTHER_GOODS)})

    # 10.00 × 2 ÷ 3, half a cent up.
    assert claim_of(aftersale_no).refund_amount == Decimal("6.67")
    assert line_numbers(part_no(aftersale_no)) == (3, 0, 2, 0, 0, "6.67")


def test_one_line_is_refunded_when_only_that_is_accepted(goods: World, merchant: Merchant) -> None:
    aftersale_no = received(merchant, items={"A": 2, "B": 3})

    inspect(
        aftersale_no,
        {1: InspectedLine(0, 0, Result.DAMAGED), 2: good(3)},
        picture_ids=(add_picture(merchant),),
    )

    claim = claim_of(aftersale_no)
    assert (claim.status, claim.refund_amount) == ("refunded", Decimal("9.99"))
    assert list(claim.lines.values_list("refund_amount", flat=True)) == [
        Decimal("0.00"),
        Decimal("9.99"),
    ]
    assert line_numbers(part_no(aftersale_no), 1) == (2, 0, 0, 0, 0, "0.00")
    assert line_numbers(part_no(aftersale_no), 2) == (3, 0, 3, 0, 0, "9.99")
    assert (stock_numbers("A"), stock_numbers("B")) == ((8, 0, 0), (10, 0, 0))
    assert len(told(merchant)[-1].data["aftersale"]["inspection_pictures"]) == 1


def test_freight_goes_back_as_it_was_decided_and_less_when_inspection_says_so(
    goods: World, merchant: Merchant
) -> None:
    decided = received(merchant, number="1", freight_amount=Decimal("5.00"))
    lowered = received(merchant, number="2", freight_amount=Decimal("5.00"))

    inspect(decided, {1: good(2)})
    inspect(lowered, {1: good(2)}, freight_amount=Decimal("1.50"))

    assert claim_of(decided).refund_amount == Decimal("25.00")
    assert claim_of(lowered).refund_amount == Decimal("21.50")
    part = Suborder.objects.get(order_no=part_no(lowered))
    assert (part.refunded_amount, part.refunded_freight_amount) == (
        Decimal("21.50"),
        Decimal("1.50"),
    )


def test_order_closes_when_the_last_of_it_is_refunded(goods: World, merchant: Merchant) -> None:
    aftersale_no = received(merchant)

    inspect(aftersale_no, {1: good(2)})

    claim = claim_of(aftersale_no)
    assert (claim.suborder.status, claim.order.status) == ("closed", "closed")
    assert [message.type for message in told(merchant)[-2:]] == [
        "order.status_changed",
        "aftersale.completed",
    ]


def test_claim_is_rejected_with_note_and_pictures_when_nothing_is_accepted(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = received(merchant)
    pictures = (add_picture(merchant, uploaded_by="operator"), add_picture(merchant))
    stock = stock_numbers()

    inspect(
        aftersale_no,
        {1: InspectedLine(0, 0, Result.OTHER_GOODS)},
        note="箱内不是原商品",
        picture_ids=pictures,
    )

    claim = claim_of(aftersale_no)
    assert (claim.status, claim.refund_amount, claim.decision_note) == (
        "rejected",
        Decimal("0.00"),
        "箱内不是原商品",
    )
    assert line_numbers(part_no(aftersale_no)) == (2, 0, 0, 0, 0, "0.00")
    assert stock_numbers() == stock
    assert movements() == []
    assert not LedgerEntry.objects.filter(document="aftersale").exists()
    message = told(merchant)[-1]
    assert message.type == "aftersale.failed"
    document = message.data["aftersale"]
    assert [picture["picture_id"] for picture in document["inspection_pictures"]] == list(pictures)
    assert document["history"][-1]["note"] == "箱内不是原商品"


def test_empty_box_is_rejected(goods: World, merchant: Merchant) -> None:
    aftersale_no = awaited(merchant)
    receive(aftersale_no, {})

    inspect(
        aftersale_no,
        {1: InspectedLine(0, 0, Result.FEWER)},
        note="Empty",
        picture_ids=(add_picture(merchant),),
    )

    assert claim_of(aftersale_no).status == "rejected"


def test_count_of_the_receipt_is_put_right_by_the_inspection(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = awaited(merchant)
    receive(aftersale_no, {1: 1})

    inspect(aftersale_no, {1: InspectedLine(2, 2, Result.AS_EXPECTED, received=2)})

    claim = claim_of(aftersale_no)
    assert (claim.lines.get().received_quantity, claim.refund_amount) == (2, Decimal("20.00"))


def test_claim_ends_without_a_ledger_entry_when_nothing_was_to_be_paid_back(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = received(merchant, lines={1: ApprovedLine(2, Decimal("0.00"))})

    inspect(aftersale_no, {1: good(2)})

    assert claim_of(aftersale_no).status == "refunded"
    assert line_numbers(part_no(aftersale_no)) == (2, 0, 2, 0, 0, "0.00")
    assert not LedgerEntry.objects.filter(document="aftersale").exists()


D = Result.DAMAGED


@pytest.mark.parametrize(
    ("lines", "faults"),
    [
        ({1: InspectedLine(3, 0, D)}, [("quantity_invalid", "/lines/1/accepted", 2)]),
        ({1: InspectedLine(-1, 0, D)}, [
            ("quantity_invalid", "/lines/1/accepted", 2),
            ("quantity_invalid", "/lines/1/restocked", -1),
        ]),
        ({1: InspectedLine(1, 2, D)}, [("quantity_invalid", "/lines/1/restocked", 1)]),
        ({1: InspectedLine(1, -1, D)}, [("quantity_invalid", "/lines/1/restocked", 1)]),
        ({1: InspectedLine(2, 2, D, received=3)}, [("quantity_invalid", "/lines/1/received", 2)]),
        (
            {1: InspectedLine(1, 1, Result.AS_EXPECTED)},
            [("field_invalid", "/lines/1/result", None)],
        ),
        (
            {1: InspectedLine(1, 1, Result.AS_EXPECTED, received=1)},
            [("field_invalid", "/lines/1/result", None)],
        ),
        ({1: InspectedLine(2, 2, Result.FEWER)}, [("field_invalid", "/lines/1/result", None)]),
        ({}, [("field_required", "/lines/1", None)]),
        ({1: good(2), 2: good(1)}, [("field_invalid", "/lines/2", None)]),
    ],
)  # fmt: skip
def test_refused_when_the_numbers_cannot_be(
    goods: World,
    merchant: Merchant,
    lines: dict[int, InspectedLine],
    faults: list[tuple[str, str, int | None]],
) -> None:
    aftersale_no = received(merchant, items={"A": 2, "B": 1}, lines={1: ApprovedLine(2, None)})
    before = everything()

    with pytest.raises(DomainError) as refusal:
        inspect(aftersale_no, lines)

    assert [
        (fault.code, fault.pointer, fault.facts.get("maximum")) for fault in refusal.value.faults
    ] == faults
    assert everything() == before


@pytest.mark.parametrize(
    ("note", "has_picture", "pointer"),
    [("", True, "/note"), ("  ", True, "/note"), ("Not ours", False, "/pictures")],
)
def test_refused_without_note_or_picture_when_nothing_is_accepted(
    goods: World, merchant: Merchant, note: str, has_picture: bool, pointer: str
) -> None:
    aftersale_no = received(merchant)
    pictures = (add_picture(merchant),) if has_picture else ()
    before = everything()

    with pytest.raises(FieldRequired) as refusal:
        inspect(
            aftersale_no,
            {1: InspectedLine(0, 0, Result.OTHER_GOODS)},
            note=note,
            picture_ids=pictures,
        )

    assert refusal.value.pointer == pointer
    assert everything() == before


def test_refused_when_a_picture_is_unknown_or_used(
    goods: World, merchant: Merchant, stranger: Merchant
) -> None:
    aftersale_no = received(merchant)
    own, foreign = add_picture(merchant), add_picture(stranger)
    before = everything()

    with pytest.raises(DomainError) as refusal:
        inspect(aftersale_no, {1: good(2)}, picture_ids=(own, foreign, "NONE"))

    assert [(fault.code, fault.pointer) for fault in refusal.value.faults] == [
        ("not_found", "/pictures/1"),
        ("not_found", "/pictures/2"),
    ]
    assert everything() == before


@pytest.mark.parametrize(
    ("amount", "code"),
    [("-0.01", "field_invalid"), ("0.001", "field_invalid"), ("10.01", "refund_exceeds_paid")],
)
def test_refused_when_the_freight_cannot_be(
    goods: World, merchant: Merchant, amount: str, code: str
) -> None:
    aftersale_no = received(merchant)
    before = everything()

    with pytest.raises(DomainError) as refusal:
        inspect(aftersale_no, {1: good(2)}, freight_amount=Decimal(amount))

    [fault] = refusal.value.faults
    assert (fault.code, fault.pointer) == (code, "/freight_amount")
    assert everything() == before


def test_refused_when_more_freight_would_take_a_second_person(
    goods: World, merchant: Merchant, settings: Any
) -> None:
    aftersale_no = received(merchant)
    settings.AFTERSALE_SECOND_PERSON_ABOVE = Decimal("15.00")
    before = everything()

    with pytest.raises(FieldInvalid) as refusal:
        inspect(aftersale_no, {1: good(2)}, freight_amount=Decimal("0.01"))

    assert refusal.value.pointer == "/freight_amount"
    assert everything() == before
    # What two people decided before is refunded by whoever inspects.
    assert inspect(aftersale_no, {1: good(2)}).refund_amount == Decimal("20.00")


def test_refused_when_freight_takes_the_place_of_goods_that_two_people_granted(
    goods: World, merchant: Merchant, settings: Any
) -> None:
    aftersale_no = received(merchant)
    settings.AFTERSALE_SECOND_PERSON_ABOVE = Decimal("15.00")
    one = {1: InspectedLine(1, 1, Result.DAMAGED)}
    before = everything()

    with pytest.raises(FieldInvalid) as refusal:
        inspect(aftersale_no, one, freight_amount=Decimal("5.01"))

    assert refusal.value.pointer == "/freight_amount"
    assert everything() == before
    # As much as one person may decide alone.
    assert inspect(aftersale_no, one, freight_amount=Decimal("5.00")).refund_amount == Decimal(
        "15.00"
    )


def test_refused_when_nothing_was_received(goods: World, merchant: Merchant) -> None:
    waiting = awaited(merchant)
    refunded = received(merchant, number="2")
    inspect(refunded, {1: good(2)})
    before = everything()

    for aftersale_no in (waiting, refunded):
        with pytest.raises(AftersaleStateConflict):
            inspect(aftersale_no, {1: good(2)})

    assert everything() == before


def test_refused_when_the_claim_has_changed_since_it_was_looked_at(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = received(merchant)
    before = everything()

    with pytest.raises(PreviewOutdated):
        inspect(aftersale_no, {1: good(2)}, expected_version=Claim.objects.get().version - 1)

    assert everything() == before
