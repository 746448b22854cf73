"""POST /aftersales/{no}/return-shipment. What it does is proved in ``test_return_parcels``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from aftersales.models import ClaimParcel
from openplatform.core import clock
from tests.aftersales.acts import everything, file, paid_part, set_return_addresses
from tests.aftersales.api.reading import refused
from tests.aftersales.returning import awaited, receive
from tests.cast import Api, Merchant, World

PARCEL = {"carrier": "sf", "waybill_no": "BACK-1"}


@pytest.fixture
def path(store: World, merchant: Merchant) -> str:
    """Of a claim whose goods are awaited."""
    set_return_addresses()
    return f"/aftersales/{awaited(merchant)}/return-shipment"


def waybills(body: dict[str, Any]) -> list[str]:
    return [parcel["waybill_no"] for parcel in body["return_shipments"]]


def test_parcel_is_told(path: str, merchant: Merchant) -> None:
    shipped_at = clock.to_text(clock.now())

    response = merchant.api.post(path, {**PARCEL, "shipped_at": shipped_at})

    body = response.json()
    assert (response.status_code, body["status"]) == (200, "return_shipped")
    assert body["return_shipments"] == [
        {
            "carrier": {"code": "sf", "name": "顺丰速运"},
            "waybill_no": "BACK-1",
            "shipped_at": shipped_at,
            "status": "pending",
            "delivered_at": None,
        }
    ]


def test_one_parcel_more_a_correction_and_a_replay(path: str, merchant: Merchant) -> None:
    merchant.api.post(path, PARCEL)

    more = merchant.api.post(path, {**PARCEL, "waybill_no": "BACK-2"})
    correct = merchant.api.post(path, {**PARCEL, "waybill_no": "BACK-3", "replaces": "BACK-1"})
    again = merchant.api.post(path, {**PARCEL, "waybill_no": "BACK-3"})

    assert waybills(more.json()) == ["BACK-1", "BACK-2"]
    assert waybills(correct.json()) == ["BACK-3", "BACK-2"]
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == correct.json()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"carrier": None}, ("/carrier", "field_required")),
        ({"carrier": "nobody"}, ("/carrier", "field_invalid")),
        ({"waybill_no": None}, ("/waybill_no", "field_required")),
        ({"waybill_no": "BACK 1"}, ("/waybill_no", "string_invalid")),
        ({"waybill_no": 1}, ("/waybill_no", "field_invalid")),
        ({"shipped_at": "2026-01-01"}, ("/shipped_at", "field_invalid")),
        ({"shipped_at": "2099-01-01T00:00:00Z"}, ("/shipped_at", "field_invalid")),
        ({"replaces": "BACK-9"}, ("/replaces", "field_invalid")),
        ({"replaces": "BACK 9"}, ("/replaces", "field_invalid")),
        ({"pictures": []}, ("/pictures", "unknown_field")),
    ],
)
def test_form_is_refused(
    path: str, merchant: Merchant, changes: dict[str, Any], fault: tuple[str, str]
) -> None:
    before = everything()

    response = merchant.api.post(path, {**PARCEL, **changes})

    assert refused(response) == (422, fault[1], [fault])
    assert everything() == before


def test_all_faults_are_told_when_the_number_is_malformed_too(
    path: str, merchant: Merchant
) -> None:
    before = everything()
    body = {
        "carrier": "no body", "waybill_no": "BACK\u202e 1", "shipped_at": "2099-01-01T00:00:00Z",
        "replaces": "BACK-9",
    }  # fmt: skip

    response = merchant.api.post(path, body)

    assert refused(response) == (
        422,
        "field_invalid",
        [
            ("/carrier", "field_invalid"),
            ("/waybill_no", "string_invalid"),
            ("/shipped_at", "field_invalid"),
            ("/replaces", "field_invalid"),
        ],
    )
    assert everything() == before


def test_goods_that_were_received_are_not_sent_any_more(path: str, merchant: Merchant) -> None:
    merchant.api.post(path, PARCEL)
    receive(path.split("/")[2])
    before = everything()

    response = merchant.api.post(path, {**PARCEL, "waybill_no": "BACK-2"})

    assert refused(response)[:2] == (409, "aftersale_state_conflict")
    assert everything() == before


def test_goods_that_nobody_awaits_are_not_sent(store: World, merchant: Merchant) -> None:
    aftersale_no = file(merchant, paid_part(merchant))["aftersale_no"]

    response = merchant.api.post(f"/aftersales/{aftersale_no}/return-shipment", PARCEL)

    assert refused(response)[:2] == (409, "aftersale_state_conflict")
    assert ClaimParcel.objects.count() == 0


def test_first_answer_comes_again_under_its_key(path: str, merchant: Merchant) -> None:
    key = {"Idempotency-Key": "k-1"}
    first = merchant.api.post(path, PARCEL, headers=key)
    merchant.api.post(path, {**PARCEL, "waybill_no": "BACK-2"})

    again = merchant.api.post(path, PARCEL, headers=key)

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()


def test_parcel_may_have_left_a_little_later_than_our_clock_says(
    path: str, merchant: Merchant
) -> None:
    soon = clock.to_text(clock.now() + timedelta(minutes=30))

    assert merchant.api.post(path, {**PARCEL, "shipped_at": soon}).status_code == 200


def test_claim_of_another_merchant_is_as_if_it_did_not_exist(
    path: str, merchant: Merchant, stranger: Merchant
) -> None:
    before = everything()

    response = stranger.api.post(path, PARCEL)

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert everything() == before


def test_parcel_without_a_key_or_with_another_scope_is_refused(
    path: str, merchant: Merchant
) -> None:
    assert Api().post(path, PARCEL).status_code == 401
    assert merchant.api_with("aftersales:read").post(path, PARCEL).status_code == 403
    assert ClaimParcel.objects.count() == 0
