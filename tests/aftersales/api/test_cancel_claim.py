"""POST /aftersales/{no}/cancel."""

from __future__ import annotations

import pytest

from aftersales.models import ClaimEvent
from orders.errors import QuantityExceedsOrdered
from tests.aftersales.acts import (
    claim_of,
    everything,
    file,
    line_numbers,
    paid_part,
    set_return_addresses,
)
from tests.aftersales.api.reading import refused
from tests.aftersales.deciding import amounts_of, approve, ask, reject
from tests.aftersales.returning import awaited, receive, report
from tests.cast import Api, Merchant, World
from tests.orders.acts import ship, told


def test_cancelled_claim_frees_its_units(store: World, merchant: Merchant) -> None:
    suborder_no = paid_part(merchant, items=[("A", 3)])
    claim = file(merchant, suborder_no, {1: 2})
    with pytest.raises(QuantityExceedsOrdered):
        ship(suborder_no, {1: 3})

    response = merchant.api.post(f"/aftersales/{claim['aftersale_no']}/cancel")

    body = response.json()
    assert (response.status_code, response.headers.get("Idempotent-Replayed")) == (200, None)
    assert (body["status"], body["version"], body["deadline"]) == ("cancelled", 1, None)
    assert body["history"][1:] == [
        {
            "at": body["updated_at"],
            "from": "submitted",
            "to": "cancelled",
            "actor": "merchant",
            "note": None,
        }
    ]
    assert line_numbers(suborder_no) == (0, 0, 0, 0, 0, "0.00")
    assert ship(suborder_no, {1: 3}).waybill_no == "SF-1"
    event = ClaimEvent.objects.get(to_status="cancelled")
    assert event.actor.startswith("key:op_")


def test_merchant_is_told_that_the_claim_failed(store: World, merchant: Merchant) -> None:
    claim = file(merchant, paid_part(merchant, items=[("A", 1)]))
    before = len(told(merchant))

    body = merchant.api.post(f"/aftersales/{claim['aftersale_no']}/cancel").json()

    [message] = told(merchant)[before:]
    assert (message.type, message.data) == ("aftersale.failed", {"aftersale": body})
    assert amounts_of(claim) == ["10.00", "8.00", "18.00", "10.00"]
    assert amounts_of(body) == ["0.00"] * 4


def test_cancelling_again_is_a_replay(store: World, merchant: Merchant) -> None:
    path = f"/aftersales/{file(merchant, paid_part(merchant))['aftersale_no']}/cancel"
    first = merchant.api.post(path)
    before = everything()

    again = merchant.api.post(path)

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == first.json()
    assert everything() == before


def test_first_answer_comes_again_under_its_key(store: World, merchant: Merchant) -> None:
    path = f"/aftersales/{file(merchant, paid_part(merchant))['aftersale_no']}/cancel"
    key = {"Idempotency-Key": "k-1"}
    first = merchant.api.post(path, headers=key)

    again = merchant.api.post(path, headers=key)

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == first.json()


def test_question_left_open_does_not_stop_it(store: World, merchant: Merchant) -> None:
    suborder_no = paid_part(merchant)
    claim = file(merchant, suborder_no)
    ask(claim)

    response = merchant.api.post(f"/aftersales/{claim['aftersale_no']}/cancel")

    assert response.json()["status"] == "cancelled"
    assert line_numbers(suborder_no)[3:5] == (0, 0)


def test_return_is_cancelled_until_goods_are_sent_back(store: World, merchant: Merchant) -> None:
    set_return_addresses()
    aftersale_no = awaited(merchant, {"A": 3})
    suborder_no = claim_of(aftersale_no).suborder.order_no
    assert line_numbers(suborder_no)[3:5] == (3, 0)

    response = merchant.api.post(f"/aftersales/{aftersale_no}/cancel")

    assert response.json()["status"] == "cancelled"
    assert line_numbers(suborder_no) == (3, 0, 0, 0, 0, "0.00")


@pytest.mark.parametrize("state", ["refunded", "rejected", "return_shipped", "return_received"])
def test_claim_is_not_cancelled_any_more(store: World, merchant: Merchant, state: str) -> None:
    set_return_addresses()
    if state.startswith("return"):
        aftersale_no = awaited(merchant)
        report(merchant, aftersale_no)
        if state == "return_received":
            receive(aftersale_no)
    else:
        claim = file(merchant, paid_part(merchant))
        aftersale_no = claim["aftersale_no"]
        approve(claim) if state == "refunded" else reject(claim)
    before = everything()

    response = merchant.api.post(f"/aftersales/{aftersale_no}/cancel")

    assert refused(response)[:2] == (409, "aftersale_state_conflict")
    assert response.json()["errors"][0]["status"] == state
    assert everything() == before


def test_claim_of_another_merchant_is_as_if_it_did_not_exist(
    store: World, merchant: Merchant, stranger: Merchant
) -> None:
    path = f"/aftersales/{file(merchant, paid_part(merchant))['aftersale_no']}/cancel"
    before = everything()

    response = stranger.api.post(path)

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert everything() == before


def test_body_query_scope_and_key_are_looked_at(store: World, merchant: Merchant) -> None:
    path = f"/aftersales/{file(merchant, paid_part(merchant))['aftersale_no']}/cancel"
    reader = merchant.api_with("aftersales:read")
    before = everything()

    answers = [
        merchant.api.post(path, {"reason": "mine"}),
        merchant.api.post(f"{path}?force=1"),
        Api().post(path),
        reader.post(path),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (422, "unknown_field"),
        (400, "filter_not_allowed"),
        (401, "key_missing"),
        (403, "scope_missing"),
    ]
    assert everything() == before
