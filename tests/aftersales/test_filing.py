"""Filing a claim by its service: what the API does not show."""

from __future__ import annotations

from decimal import Decimal

import pytest

from aftersales.models import ApprovalRule, Claim, ClaimPicture
from aftersales.selectors.documents import read_document
from openplatform.audit.models import AuditEntry
from openplatform.core.errors import NotFound, Refusal
from orders.errors import QuantityExceedsOrdered
from orders.models import Suborder
from tests.aftersales.acts import (
    OPERATOR,
    add_picture,
    claim_of,
    everything,
    file,
    line_numbers,
    paid_part,
    received_part,
    shipped_part,
)
from tests.cast import Merchant, World
from tests.orders.acts import ship, stock_numbers, told
from tests.orders.changing import close


def test_row_is_what_was_asked_for(store: World, merchant: Merchant) -> None:
    suborder_no = paid_part(merchant, items=[("A", 2), ("B", 1)])

    claim = claim_of(file(merchant, suborder_no, {2: 1, 1: 2}, reason="late"))

    part = Suborder.objects.get(order_no=suborder_no)
    assert (claim.partner, claim.suborder, claim.order_id) == (
        merchant.partner, part, part.order_id
    )  # fmt: skip
    assert (claim.reason.code, claim.opened_by, claim.decided_at, claim.ended_at) == (
        "late", "", None, None
    )  # fmt: skip
    assert (claim.goods_refund_amount, claim.freight_refund_amount, claim.refund_amount) == (
        Decimal("45.00"), Decimal("10.00"), Decimal("55.00")
    )  # fmt: skip
    assert list(
        claim.lines.values_list(
            "line__line_no", "quantity", "unshipped_quantity", "approved_quantity", "refund_amount"
        )
    ) == [(1, 2, 2, None, Decimal("20.00")), (2, 1, 1, None, Decimal("25.00"))]


def test_answer_is_the_claim_as_it_is_read_back(store: World, merchant: Merchant) -> None:
    suborder_no = shipped_part(merchant, items=[("A", 4), ("B", 1)], quantities={1: 2})
    pictures = [add_picture(merchant), add_picture(merchant)]

    document = file(merchant, suborder_no, {2: 1, 1: 3}, pictures=pictures, description="")

    read = read_document(claim_of(document).pk)
    bare = {"url": None, "thumbnail_url": None, "expires_at": None}
    shown = [{**picture, **bare} for picture in document["pictures"]]
    assert {**document, "pictures": shown} == read


def test_deadline_is_that_of_the_review(store: World, merchant: Merchant) -> None:
    claim = claim_of(file(merchant, paid_part(merchant)))

    assert claim.deadline is not None
    hours = (claim.deadline - claim.created_at).total_seconds() / 3600
    assert hours == pytest.approx(48, abs=0.1)


def test_claimed_units_are_not_shipped_and_not_closed(store: World, merchant: Merchant) -> None:
    suborder_no = paid_part(merchant, items=[("A", 3)])
    file(merchant, suborder_no, {1: 2})
    before = everything()

    for act in (ship, close):
        with pytest.raises(QuantityExceedsOrdered):
            act(suborder_no, {1: 2})

    assert everything() == before
    ship(suborder_no, {1: 1})
    assert line_numbers(suborder_no) == (1, 0, 0, 2, 2, "0.00")


def test_claim_moves_neither_stock_nor_money(store: World, merchant: Merchant) -> None:
    suborder_no = paid_part(merchant, items=[("A", 3)])
    stock, orders_told = stock_numbers("A"), len(told(merchant))

    file(merchant, suborder_no, {1: 3})

    assert stock_numbers("A") == stock
    assert [message.type for message in told(merchant)[orders_told:]] == [
        "aftersale.status_changed"
    ]


def test_operator_opens_a_claim_for_a_merchant(store: World, merchant: Merchant) -> None:
    suborder_no = received_part(merchant)

    document = file(merchant, suborder_no, reason="broken", merchant_aftersale_no="", by=OPERATOR)

    claim = claim_of(document)
    entry = AuditEntry.objects.get(action="file_claim")
    assert (document["merchant_aftersale_no"], document["history"][0]["actor"]) == (
        None, "operator"
    )  # fmt: skip
    assert (claim.opened_by, entry.actor, entry.partner_id) == (
        "operator", "operator", merchant.partner.pk
    )  # fmt: skip
    assert entry.subject_id == str(claim.pk)
    assert told(merchant)[-1].data == {"aftersale": document}


def test_operators_claims_need_no_number_of_their_own(store: World, merchant: Merchant) -> None:
    suborder_no = paid_part(merchant)

    for _time in range(2):
        file(merchant, suborder_no, merchant_aftersale_no="", by=OPERATOR)

    assert Claim.objects.filter(merchant_aftersale_no="").count() == 2
    assert line_numbers(suborder_no)[3] == 2


def test_operator_meets_the_same_checks(store: World, merchant: Merchant) -> None:
    suborder_no = paid_part(merchant)
    before = everything()

    with pytest.raises(Refusal) as refusal:
        file(merchant, suborder_no, {1: 3}, merchant_aftersale_no="", by=OPERATOR)

    assert refusal.value.first.code == "quantity_exceeds_claimable"
    assert everything() == before


def test_operator_opens_no_claim_on_an_order_of_another_merchant(
    store: World, merchant: Merchant, stranger: Merchant
) -> None:
    suborder_no = paid_part(merchant)

    with pytest.raises(Refusal) as refusal:
        file(stranger, suborder_no, merchant_aftersale_no="", by=OPERATOR)

    assert isinstance(refusal.value.first, NotFound)
    assert Claim.objects.count() == 0


def test_rules_decide_claims_of_merchants_only(store: World, merchant: Merchant) -> None:
    ApprovalRule.objects.create(name="All", before_shipment_only=False)
    suborder_no = paid_part(merchant)

    mine = file(merchant, suborder_no)
    opened = file(merchant, suborder_no, merchant_aftersale_no="", by=OPERATOR)

    assert (mine["status"], opened["status"]) == ("refunded", "submitted")


def test_picture_of_staff_may_be_named_by_staff(store: World, merchant: Merchant) -> None:
    picture = add_picture(merchant, uploaded_by="operator")

    document = file(
        merchant, paid_part(merchant), merchant_aftersale_no="", by=OPERATOR, pictures=[picture]
    )

    assert [shown["picture_id"] for shown in document["pictures"]] == [picture]
    assert ClaimPicture.objects.get().use == "claim"
