"""POST /aftersales: what the request names, and how."""

from __future__ import annotations

from typing import Any

import pytest

from aftersales.models import ClaimPicture
from tests.aftersales.acts import (
    add_picture,
    claim_body,
    everything,
    file,
    paid_part,
    shipped_part,
)
from tests.aftersales.api.reading import refused
from tests.cast import Merchant, World


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"merchant_aftersale_no": None}, [("/merchant_aftersale_no", "field_required")]),
        ({"merchant_aftersale_no": "R 1"}, [("/merchant_aftersale_no", "string_invalid")]),
        ({"merchant_aftersale_no": "R" * 65}, [("/merchant_aftersale_no", "string_invalid")]),
        ({"merchant_aftersale_no": 1}, [("/merchant_aftersale_no", "field_invalid")]),
        ({"order_no": None}, [("/order_no", "field_required")]),
        ({"type": "exchange"}, [("/type", "field_invalid")]),
        ({"type": ["refund"]}, [("/type", "field_invalid")]),
        ({"items": []}, [("/items", "field_required")]),
        ({"items": {}}, [("/items", "field_invalid")]),
        ({"items": [{"line_no": "1", "quantity": 1}] * 101}, [("/items", "too_many_items")]),
        ({"items": [{"line_no": 1, "quantity": 1}]}, [("/items/0/line_no", "field_invalid")]),
        (
            {"items": [{"line_no": "1", "quantity": 1}, {"line_no": "1", "quantity": 1}]},
            [("/items/1/line_no", "field_invalid")],
        ),
        (
            {"items": [
                {"line_no": "1", "quantity": 0}, {"line_no": "1"}, {"line_no": "2", "quantity": 1},
                {"line_no": "1", "quantity": 1}, {"line_no": "1", "quantity": 1, "sku": "A"},
            ]},
            [
                ("/items/0/quantity", "quantity_invalid"),
                ("/items/1/line_no", "field_invalid"), ("/items/1/quantity", "field_required"),
                ("/items/3/line_no", "field_invalid"),
                ("/items/4/line_no", "field_invalid"), ("/items/4/sku", "unknown_field"),
            ],
        ),
        (
            {"items": [{"line_no": "a b", "quantity": 1}] * 2},
            [("/items/0/line_no", "string_invalid"), ("/items/1/line_no", "string_invalid")],
        ),
        ({"items": [{"line_no": "9", "quantity": 1}]}, [("/items/0/line_no", "field_invalid")]),
        ({"items": [{"line_no": "01", "quantity": 1}]}, [("/items/0/line_no", "field_invalid")]),
        *(
            ({"items": [{"line_no": "1", "quantity": quantity}]},
             [("/items/0/quantity", "quantity_invalid")])
            for quantity in (0, -1, 1.5, 1.0, "1", True, 10**7, 10**30)
        ),
        ({"items": [{"line_no": "1"}]}, [("/items/0/quantity", "field_required")]),
        ({"reason": "no_such"}, [("/reason", "field_invalid")]),
        ({"reason": "old"}, [("/reason", "field_invalid")]),
        ({"reason": "broken"}, [("/pictures", "field_required")]),
        ({"description": "x" * 1001}, [("/description", "field_invalid")]),
        ({"description": "a\u202eb"}, [("/description", "string_invalid")]),
        ({"description": "a\u0000b"}, [("/description", "string_invalid")]),
        ({"pictures": [f"I{n}" for n in range(10)]}, [("/pictures", "too_many_items")]),
        ({"pictures": ["I1", "I1"]}, [("/pictures/1", "field_invalid")]),
        ({"pictures": "I1"}, [("/pictures", "field_invalid")]),
        ({"pictures": [1]}, [("/pictures/0", "field_invalid")]),
        ({"refund_amount": "1.00"}, [("/refund_amount", "unknown_field")]),
        (
            {"items": [{"line_no": "8", "quantity": 1}], "reason": "no_such"},
            [("/reason", "field_invalid"), ("/items/0/line_no", "field_invalid")],
        ),
    ],
)  # fmt: skip
def test_form_is_refused_with_all_its_faults(
    store: World, merchant: Merchant, changes: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    suborder_no = paid_part(merchant)
    before = everything()

    response = merchant.api.post("/aftersales", {**claim_body(suborder_no), **changes})

    assert refused(response) == (422, faults[0][1], faults)
    assert everything() == before


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            {"items": [{"line_no": "1", "quantity": 1}] * 101},
            {"pointer": "/items", "code": "too_many_items",
             "detail": "Too many items in one request", "maximum": 100},
        ),
        (
            {"pictures": [f"I{n}" for n in range(10)]},
            {"pointer": "/pictures", "code": "too_many_items",
             "detail": "Too many items in one request", "maximum": 9},
        ),
        (
            {"items": [{"line_no": "1", "quantity": 1}] * 2},
            {"pointer": "/items/1/line_no", "code": "field_invalid",
             "detail": "This line is named twice"},
        ),
        (
            {"pictures": ["I1", "I1"]},
            {"pointer": "/pictures/1", "code": "field_invalid",
             "detail": "This picture is named twice"},
        ),
        (
            {"order_no": "NOSUCH-1"},
            {"pointer": "/order_no", "code": "not_found", "detail": "There is no such suborder"},
        ),
        (
            {"pictures": ["I1"]},
            {"pointer": "/pictures/0", "code": "not_found",
             "detail": "There is no such picture, or it is used already"},
        ),
    ],
)  # fmt: skip
def test_refusal_says_what_would_be_taken(
    store: World, merchant: Merchant, changes: dict[str, Any], fault: dict[str, Any]
) -> None:
    body = {**claim_body(paid_part(merchant)), **changes}

    response = merchant.api.post("/aftersales", body, headers={"Accept-Language": "en"})

    assert response.json()["errors"] == [fault]


def test_claim_needs_no_description(store: World, merchant: Merchant) -> None:
    body = claim_body(paid_part(merchant))
    del body["description"]

    answers = [
        merchant.api.post("/aftersales", {**body, **description})
        for description in ({}, {"description": None}, {"description": ""})
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert answers[0].json()["description"] is None


def test_reason_for_other_claims_is_refused(store: World, merchant: Merchant) -> None:
    suborder_no = shipped_part(merchant)
    body = claim_body(suborder_no, type="return_refund", reason="late")

    response = merchant.api.post("/aftersales", body)

    assert refused(response) == (422, "field_invalid", [("/reason", "field_invalid")])
    assert response.json()["errors"][0]["allowed"] == ["unwanted", "broken"]


def test_whole_order_is_refused_with_the_names_of_its_parts(
    store: World, merchant: Merchant
) -> None:
    suborder_no = paid_part(merchant)
    before = everything()

    response = merchant.api.post("/aftersales", claim_body(suborder_no.removesuffix("-1")))

    assert refused(response) == (422, "field_invalid", [("/order_no", "field_invalid")])
    assert response.json()["errors"][0]["suborders"] == [suborder_no]
    assert everything() == before


def test_order_of_another_merchant_is_as_if_it_did_not_exist(
    store: World, merchant: Merchant, stranger: Merchant
) -> None:
    suborder_no = paid_part(merchant)
    before = everything()

    answers = [
        stranger.api.post("/aftersales", claim_body(number))
        for number in (suborder_no, suborder_no.removesuffix("-1"), "2601010000000000-1")
    ]

    assert [refused(answer) for answer in answers] == [
        (404, "not_found", [("/order_no", "not_found")])
    ] * 3
    errors = [{**answer.json(), "request_id": ""} for answer in answers]
    assert errors[0] == errors[1] == errors[2]
    assert everything() == before


def test_pictures_that_cannot_be_used_are_as_if_they_did_not_exist(
    store: World, merchant: Merchant, stranger: Merchant
) -> None:
    suborder_no = paid_part(merchant, items=[("A", 5)])
    used, own = add_picture(merchant), add_picture(merchant)
    file(merchant, suborder_no, pictures=[used])
    before = everything()
    pictures = [own, used, add_picture(stranger), "I260101NOSUCHONE"]

    response = merchant.api.post(
        "/aftersales",
        claim_body(suborder_no, pictures=pictures, merchant_aftersale_no="R-2"),
    )

    assert refused(response) == (
        404, "not_found", [(f"/pictures/{index}", "not_found") for index in (1, 2, 3)]
    )  # fmt: skip
    ClaimPicture.objects.get(partner=stranger.partner).delete()
    assert everything() == before


def test_pictures_are_shown_in_the_order_in_which_they_were_named(
    store: World, merchant: Merchant
) -> None:
    pictures = [add_picture(merchant) for _number in range(9)][::-1]

    answer = merchant.api.post(
        "/aftersales", claim_body(paid_part(merchant), pictures=pictures, reason="broken")
    )

    assert answer.status_code == 201
    shown = merchant.api.get(f"/aftersales/{answer.json()['aftersale_no']}").json()
    assert [picture["picture_id"] for picture in shown["pictures"]] == pictures
    assert [picture["picture_id"] for picture in answer.json()["pictures"]] == pictures


def test_unknown_query_parameter_is_refused(store: World, merchant: Merchant) -> None:
    response = merchant.api.post("/aftersales?dry_run=1", claim_body(paid_part(merchant)))

    assert refused(response) == (400, "filter_not_allowed", [("?dry_run", "filter_not_allowed")])
