"""POST /aftersales."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from aftersales.models import Claim, ClaimEvent
from openplatform.core import clock
from orders.services.claimed_units import CLAIM_STEP
from tests.aftersales.acts import (
    add_picture,
    claim_body,
    end_window,
    everything,
    file,
    line_numbers,
    paid_part,
    received_part,
    shipped_part,
)
from tests.aftersales.api.reading import refused
from tests.cast import Api, Merchant, World
from tests.orders.acts import place, told
from tests.orders.changing import close, move, split_off


def test_claim_is_filed(store: World, merchant: Merchant) -> None:
    suborder_no = paid_part(merchant, items=[("A", 3), ("B", 1)])
    parent_order_no = suborder_no.removesuffix("-1")

    response = merchant.api.post("/aftersales", claim_body(suborder_no, {1: 2}))

    claim = Claim.objects.get()
    event = ClaimEvent.objects.get()
    assert (response.status_code, response.headers.get("Idempotent-Replayed")) == (201, None)
    assert response.json() == {
        "aftersale_no": claim.aftersale_no,
        "merchant_aftersale_no": "R-1",
        "order_no": suborder_no,
        "parent_order_no": parent_order_no,
        "type": "refund",
        "status": "submitted",
        "currency": "CNY",
        "reason": "unwanted",
        "description": "It does not fit.",
        "pictures": [],
        "items": [
            {
                "line_no": "1",
                "sku": "A",
                "quantity": 2,
                "approved_quantity": None,
                "received_quantity": None,
                "accepted_quantity": None,
                "inspection": None,
                "refund_amount": "20.00",
            }
        ],
        "goods_refund_amount": "20.00",
        "freight_refund_amount": "0.00",
        "refund_amount": "20.00",
        "decision_note": None,
        "inspection_pictures": [],
        "deadline": clock.to_text(claim.deadline),
        "return_address": None,
        "return_shipments": [],
        "send_back": None,
        "history": [
            {
                "at": clock.to_text(claim.created_at),
                "from": None,
                "to": "submitted",
                "actor": "merchant",
                "note": None,
            }
        ],
        "notes": [],
        "version": 0,
        "created_at": clock.to_text(claim.created_at),
        "updated_at": clock.to_text(claim.created_at),
    }
    assert line_numbers(suborder_no) == (0, 0, 0, 2, 2, "0.00")
    assert (event.role, event.actor.startswith("key:op_")) == ("merchant", True)
    assert merchant.api.get(f"/aftersales/{claim.aftersale_no}").json() == response.json()


def test_merchant_is_told_the_whole_claim_without_links(store: World, merchant: Merchant) -> None:
    suborder_no = paid_part(merchant)
    before = len(told(merchant))

    answer = merchant.api.post(
        "/aftersales", claim_body(suborder_no, pictures=[add_picture(merchant)])
    ).json()

    [message] = told(merchant)[before:]
    [picture] = answer["pictures"]
    bare = {**picture, "url": None, "thumbnail_url": None, "expires_at": None}
    assert all(picture[name] for name in bare)
    assert message.type == "aftersale.status_changed"
    assert message.data == {"aftersale": {**answer, "pictures": [bare]}}


def test_freight_is_claimed_too_when_nothing_was_shipped_and_nothing_stays(
    store: World, merchant: Merchant
) -> None:
    suborder_no = paid_part(merchant, items=[("A", 2), ("B", 1)])

    answer = merchant.api.post("/aftersales", claim_body(suborder_no, {1: 2, 2: 1})).json()

    assert answer["goods_refund_amount"] == "45.00"
    assert answer["freight_refund_amount"] == "10.00"  # 1,500 g: 8.00 and a step of 2.00
    assert answer["refund_amount"] == "55.00"


def test_freight_is_not_claimed_when_something_was_shipped(
    store: World, merchant: Merchant
) -> None:
    suborder_no = shipped_part(merchant, items=[("A", 2)], quantities={1: 1})

    answer = merchant.api.post("/aftersales", claim_body(suborder_no, {1: 2})).json()

    assert (answer["refund_amount"], answer["freight_refund_amount"]) == ("20.00", "0.00")
    assert line_numbers(suborder_no) == (1, 0, 0, 2, 1, "0.00")


def test_units_that_have_not_left_are_claimed_first(store: World, merchant: Merchant) -> None:
    suborder_no = shipped_part(merchant, items=[("A", 5)], quantities={1: 3})

    merchant.api.post("/aftersales", claim_body(suborder_no, {1: 1}))

    assert line_numbers(suborder_no) == (3, 0, 0, 1, 1, "0.00")


def test_return_takes_shipped_units_only(store: World, merchant: Merchant) -> None:
    suborder_no = shipped_part(merchant, items=[("A", 5)], quantities={1: 3})
    body = claim_body(suborder_no, {1: 3}, type="return_refund")

    response = merchant.api.post("/aftersales", body)

    assert response.status_code == 201
    assert line_numbers(suborder_no) == (3, 0, 0, 3, 0, "0.00")


@pytest.mark.parametrize("end", ["pending", "cancelled", "closed"])
def test_order_that_is_unpaid_or_closed_is_refused(
    store: World, merchant: Merchant, end: str
) -> None:
    match end:
        case "closed":
            suborder_no = paid_part(merchant)
            close(suborder_no)
        case _:
            suborder_no = place(merchant)["suborders"][0]["order_no"]
            if end == "cancelled":
                merchant.api.post(f"/orders/{suborder_no.removesuffix('-1')}/cancel")
    status = {"pending": "pending_payment"}.get(end, end)
    before = everything()

    response = merchant.api.post("/aftersales", claim_body(suborder_no))

    faults = [("/order_no", "order_state_conflict")]
    if end == "closed":  # nor is a unit left
        faults.append(("/items/0/quantity", "quantity_exceeds_claimable"))
    assert refused(response) == (409, "order_state_conflict", faults)
    assert response.json()["errors"][0]["status"] == status
    assert everything() == before


def test_claim_is_taken_until_its_window_closes(store: World, merchant: Merchant) -> None:
    suborder_no = received_part(merchant)
    assert merchant.api.post("/aftersales", claim_body(suborder_no)).status_code == 201
    end_window(suborder_no)
    before = everything()

    response = merchant.api.post(
        "/aftersales", claim_body(suborder_no, merchant_aftersale_no="R-2")
    )

    assert refused(response) == (
        409, "aftersale_window_closed", [("/order_no", "aftersale_window_closed")]
    )  # fmt: skip
    assert response.json()["errors"][0]["until"] < clock.to_text(clock.now())
    assert everything() == before


def test_more_units_than_can_be_claimed_are_refused(store: World, merchant: Merchant) -> None:
    suborder_no = paid_part(merchant, items=[("A", 3), ("B", 2)])
    file(merchant, suborder_no, {1: 1, 2: 2})
    before = everything()

    response = merchant.api.post(
        "/aftersales", claim_body(suborder_no, {1: 3, 2: 1}, merchant_aftersale_no="R-2")
    )

    assert refused(response) == (
        409,
        "quantity_exceeds_claimable",
        [
            ("/items/0/quantity", "quantity_exceeds_claimable"),
            ("/items/1/quantity", "quantity_exceeds_claimable"),
        ],
    )
    assert [(fault["line_no"], fault["claimable"]) for fault in response.json()["errors"]] == [
        ("1", 2), ("2", 0)
    ]  # fmt: skip
    assert everything() == before


def test_return_of_what_was_not_shipped_is_refused(store: World, merchant: Merchant) -> None:
    suborder_no = paid_part(merchant)
    before = everything()

    response = merchant.api.post("/aftersales", claim_body(suborder_no, type="return_refund"))

    assert refused(response) == (
        409, "aftersale_type_not_allowed", [("/items/0/line_no", "aftersale_type_not_allowed")]
    )  # fmt: skip
    assert response.json()["errors"][0]["types"] == ["refund"]
    assert everything() == before


def test_return_of_more_than_was_shipped_is_refused(store: World, merchant: Merchant) -> None:
    suborder_no = shipped_part(merchant, items=[("A", 5)], quantities={1: 2})

    response = merchant.api.post(
        "/aftersales", claim_body(suborder_no, {1: 3}, type="return_refund")
    )

    assert refused(response)[1] == "quantity_exceeds_claimable"
    assert response.json()["errors"][0]["claimable"] == 2


def test_units_closed_before_shipment_are_not_claimed(store: World, merchant: Merchant) -> None:
    suborder_no = paid_part(merchant, items=[("A", 3)])
    close(suborder_no, {1: 1})

    response = merchant.api.post("/aftersales", claim_body(suborder_no, {1: 3}))

    assert response.json()["errors"][0]["claimable"] == 2


def test_claim_survives_a_split_and_a_move_of_its_suborder(
    store: World, merchant: Merchant
) -> None:
    store.make_sku("S", price="7.00", north=10, south=10)
    suborder_no = paid_part(merchant, items=[("S", 5)])
    before = file(merchant, suborder_no, {1: 2})

    split_off(suborder_no, {1: 2})
    move(suborder_no)

    claim = merchant.api.get(f"/aftersales/{before['aftersale_no']}").json()
    assert claim["items"] == before["items"]
    assert line_numbers(claim["order_no"], int(claim["items"][0]["line_no"]))[3:5] == (2, 2)


def test_suspended_merchant_may_claim(store: World, merchant: Merchant) -> None:
    suborder_no = paid_part(merchant)
    merchant.partner.status = "suspended"
    merchant.partner.save()

    response = merchant.api.post("/aftersales", claim_body(suborder_no))

    assert response.status_code == 201


def test_claim_without_a_key_or_with_another_scope_is_refused(
    store: World, merchant: Merchant
) -> None:
    body = claim_body(paid_part(merchant))
    reader = merchant.api_with("aftersales:read", "orders:write")
    before = everything()

    answers = [Api().post("/aftersales", body), reader.post("/aftersales", body)]

    assert [answer.status_code for answer in answers] == [401, 403]
    assert everything() == before


def test_statements_stay_the_same_whatever_the_size(store: World, merchant: Merchant) -> None:
    for number in range(20):
        store.make_sku(f"X{number}", north=5)
    small = claim_body(paid_part(merchant, "M-1"), merchant_aftersale_no="R-1")
    large = claim_body(
        paid_part(merchant, "M-2", [(f"X{number}", 1) for number in range(20)]),
        dict.fromkeys(range(1, 21), 1),
        merchant_aftersale_no="R-2",
    )
    merchant.api.post(
        "/aftersales", claim_body(paid_part(merchant, "M-0"), merchant_aftersale_no="R-0")
    )
    with CaptureQueriesContext(connection) as few:
        assert merchant.api.post("/aftersales", small).status_code == 201

    with CaptureQueriesContext(connection) as many:
        assert merchant.api.post("/aftersales", large).status_code == 201

    assert len(few) == len(many)
    assert [query for query in many if CLAIM_STEP in query["sql"]]
