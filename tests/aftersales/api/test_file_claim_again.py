"""POST /aftersales, once more: under the same number, or the same Idempotency-Key."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from aftersales.models import Claim, Reason
from tests.aftersales.acts import (
    add_picture,
    claim_body,
    claim_of,
    end_window,
    everything,
    file,
    paid_part,
    received_part,
)
from tests.aftersales.api.reading import refused
from tests.cast import Merchant, World


def test_claim_is_known_by_its_number_whatever_became_of_the_order(
    store: World, merchant: Merchant
) -> None:
    suborder_no = received_part(merchant)
    body = claim_body(suborder_no, {1: 2})
    first = merchant.api.post("/aftersales", body).json()
    end_window(suborder_no)
    Reason.objects.update(is_active=False)
    before = everything()

    again = merchant.api.post("/aftersales", body)

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == first
    assert everything() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "return_refund"},
        {"items": [{"line_no": "1", "quantity": 2}]},
        {"items": [{"line_no": "2", "quantity": 1}]},
        {"reason": "late"},
        {"description": "Other words."},
        {"pictures": ["I260101NOSUCHONE"]},
        {"order_no": "2601010000000000-1"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_number_stands_for_one_claim_only(
    store: World, merchant: Merchant, changes: dict[str, Any]
) -> None:
    suborder_no = paid_part(merchant, items=[("A", 3), ("B", 1)])
    first = file(merchant, suborder_no)
    before = everything()

    response = merchant.api.post("/aftersales", {**claim_body(suborder_no), **changes})

    assert refused(response) == (
        409,
        "merchant_aftersale_no_conflict",
        [("/merchant_aftersale_no", "merchant_aftersale_no_conflict")],
    )
    assert response.json()["errors"][0]["aftersale_no"] == first["aftersale_no"]
    assert everything() == before


def test_items_in_another_order_are_the_same_claim(store: World, merchant: Merchant) -> None:
    suborder_no = paid_part(merchant, items=[("A", 3), ("B", 1)])
    merchant.api.post("/aftersales", claim_body(suborder_no, {1: 1, 2: 1}))

    again = merchant.api.post("/aftersales", claim_body(suborder_no, {2: 1, 1: 1}))

    assert again.status_code == 200
    assert Claim.objects.count() == 1


def test_refused_request_does_not_use_its_number_up(store: World, merchant: Merchant) -> None:
    suborder_no = paid_part(merchant)
    merchant.api.post("/aftersales", claim_body(suborder_no, {1: 9}))

    response = merchant.api.post("/aftersales", claim_body(suborder_no, {1: 1}))

    assert response.status_code == 201


def test_number_is_the_merchants_own(store: World, merchant: Merchant, stranger: Merchant) -> None:
    store.open_pool_to(stranger)
    file(merchant, paid_part(merchant))

    response = stranger.api.post("/aftersales", claim_body(paid_part(stranger)))

    assert response.status_code == 201


def test_first_answer_comes_again_under_its_key_with_links_that_work(
    store: World, merchant: Merchant
) -> None:
    body = claim_body(paid_part(merchant), pictures=[add_picture(merchant)])
    key = {"Idempotency-Key": "k-1"}
    first = merchant.api.post("/aftersales", body, headers=key)
    claim = claim_of(first.json())
    merchant.api.post(f"/aftersales/{claim.aftersale_no}/cancel")

    again = merchant.api.post("/aftersales", body, headers=key)

    [picture], [shown] = first.json()["pictures"], again.json()["pictures"]
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert {**again.json(), "pictures": []} == {**first.json(), "pictures": []}
    assert shown["picture_id"] == picture["picture_id"]
    assert shown["url"]
    assert "http" not in str(_kept_answer())


def _kept_answer() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT answer FROM idempotency_idempotentrequest WHERE key = 'k-1'")
        [(answer,)] = cursor.fetchall()
    return str(answer)


def test_key_stands_for_one_body(store: World, merchant: Merchant) -> None:
    suborder_no = paid_part(merchant)
    key = {"Idempotency-Key": "k-1"}
    merchant.api.post("/aftersales", claim_body(suborder_no), headers=key)

    other = claim_body(suborder_no, merchant_aftersale_no="R-2")
    response = merchant.api.post("/aftersales", other, headers=key)

    assert refused(response)[:2] == (422, "idempotency_key_reused")
    assert Claim.objects.count() == 1
