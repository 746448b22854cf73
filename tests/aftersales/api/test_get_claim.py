"""GET /aftersales/{no}."""

from __future__ import annotations

from typing import Any

import pytest

from openplatform.core import clock
from tests.aftersales.acts import (
    RETURN_ADDRESS,
    add_picture,
    claim_body,
    claim_of,
    file,
    paid_part,
    set_return_addresses,
)
from tests.aftersales.api.reading import refused
from tests.aftersales.returning import awaited, receive, report
from tests.cast import Api, Merchant, World


def test_claim_shows_its_return(store: World, merchant: Merchant) -> None:
    set_return_addresses()
    aftersale_no = awaited(merchant)
    report(merchant, aftersale_no, "BACK-1")
    receive(aftersale_no, {1: 1})

    body = merchant.api.get(f"/aftersales/{aftersale_no}").json()

    claim = claim_of(aftersale_no)
    parcel = claim.parcels.get()
    assert body["return_address"] == RETURN_ADDRESS
    assert body["return_shipments"] == [
        {
            "carrier": {"code": "sf", "name": "顺丰速运"},
            "waybill_no": "BACK-1",
            "shipped_at": clock.to_text(parcel.shipped_at),
            "status": "pending",
            "delivered_at": None,
        }
    ]
    assert (body["items"][0]["approved_quantity"], body["items"][0]["received_quantity"]) == (2, 1)
    assert [(event["from"], event["to"], event["actor"]) for event in body["history"]] == [
        (None, "submitted", "merchant"),
        ("submitted", "approved", "operator"),
        ("approved", "awaiting_return", "operator"),
        ("awaiting_return", "return_shipped", "merchant"),
        ("return_shipped", "return_received", "operator"),
    ]
    assert body["version"] == 4
    assert body["deadline"] == clock.to_text(claim.deadline)


def test_no_name_of_staff_is_shown(store: World, merchant: Merchant) -> None:
    set_return_addresses()
    aftersale_no = awaited(merchant)
    claim = claim_of(aftersale_no)

    response = merchant.api.get(f"/aftersales/{aftersale_no}")

    assert claim.decided_by == "operator"
    assert {event["actor"] for event in response.json()["history"]} == {"merchant", "operator"}
    assert "key:op_" not in response.content.decode()


def test_links_are_made_anew_for_each_answer(store: World, merchant: Merchant) -> None:
    body = claim_body(paid_part(merchant), pictures=[add_picture(merchant)])
    aftersale_no = merchant.api.post("/aftersales", body).json()["aftersale_no"]

    [picture] = merchant.api.get(f"/aftersales/{aftersale_no}").json()["pictures"]

    assert (picture["width"], picture["height"]) == (640, 480)
    assert picture["url"].startswith("http")
    assert picture["thumbnail_url"] != picture["url"]
    assert picture["expires_at"] > clock.to_text(clock.now())


def test_claim_of_another_merchant_is_as_if_it_did_not_exist(
    store: World, merchant: Merchant, stranger: Merchant
) -> None:
    aftersale_no = file(merchant, paid_part(merchant))["aftersale_no"]

    others = stranger.api.get(f"/aftersales/{aftersale_no}")
    none = stranger.api.get("/aftersales/R260101AAAAAAAAAA")

    assert (others.status_code, others.json()["code"]) == (404, "not_found")
    assert {**others.json(), "request_id": ""} == {**none.json(), "request_id": ""}


def test_merchants_own_number_is_not_a_number_of_ours(store: World, merchant: Merchant) -> None:
    file(merchant, paid_part(merchant))

    assert merchant.api.get("/aftersales/R-1").status_code == 404


@pytest.mark.parametrize("parameters", [{"expand": "order"}, {"limit": 1}])
def test_unknown_query_parameter_is_refused(
    store: World, merchant: Merchant, parameters: dict[str, Any]
) -> None:
    aftersale_no = file(merchant, paid_part(merchant))["aftersale_no"]

    response = merchant.api.get(f"/aftersales/{aftersale_no}", **parameters)

    assert refused(response)[:2] == (400, "filter_not_allowed")


def test_claim_without_a_key_or_with_another_scope_is_refused(
    store: World, merchant: Merchant
) -> None:
    path = f"/aftersales/{file(merchant, paid_part(merchant))['aftersale_no']}"

    assert Api().get(path).status_code == 401
    assert merchant.api_with("aftersales:write").get(path).status_code == 403
