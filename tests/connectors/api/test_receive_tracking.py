"""POST /callbacks/logistics/{provider}: signed, and safe to repeat."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from openplatform.connectors.models import ParcelEvent, Provider, ProviderCall, TrackedParcel
from openplatform.connectors.services.watching import know_parcel
from openplatform.connectors.simulator.server import sign
from openplatform.core import clock
from tests.connectors.conftest import SECRET, MakeProvider

PATH = "/api/v1/callbacks/logistics/first"


@pytest.fixture
def provider(make_provider: MakeProvider) -> Provider:
    know_parcel(carrier_code="sf", waybill_no="SF1")
    return make_provider()


def trace(state: str, *, minutes: int = 0, remark: str = "快件", **fields: Any) -> dict[str, Any]:
    at = (clock.now() - timedelta(hours=5)).replace(second=0, microsecond=0)
    moment = at + timedelta(minutes=minutes)
    return {"time": moment.isoformat(), "state": state, "place": "", "remark": remark, **fields}


def parcel(*traces: dict[str, Any], waybill: str = "SF1") -> dict[str, Any]:
    return {"carrier": "sf", "waybill": waybill, "traces": list(traces)}


def send(
    body: Any,
    *,
    path: str = PATH,
    secret: str = SECRET,
    timestamp: str | None = None,
    headers: dict[str, str] | None = None,
) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    moment = str(int(time.time())) if timestamp is None else timestamp
    signed = {"X-Callback-Timestamp": moment, "X-Callback-Signature": sign(secret, moment, content)}
    return Client(raise_request_exception=False).post(
        path,
        content,
        content_type="application/json",
        headers=signed if headers is None else headers,
    )


def refused_with(response: Any) -> tuple[int, str]:
    assert response.headers["Content-Type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


def assert_nothing_recorded() -> None:
    assert not ParcelEvent.objects.exists()
    assert list(TrackedParcel.objects.values_list("status", "as_of", "follow_at")) == [
        ("pending", None, None)
    ]


def test_events_are_recorded_and_orders_are_to_follow(provider: Provider) -> None:
    response = send({"parcels": [parcel(trace("COLLECTED"), trace("SIGNED", minutes=9))]})

    assert (response.status_code, response.json()) == (200, {"recorded": 2})
    known = TrackedParcel.objects.get()
    assert (known.status, known.provider, known.refresh_at) == ("delivered", provider, None)
    assert known.follow_at is not None
    assert not ProviderCall.objects.exists()


def test_nothing_changes_when_the_same_comes_again(provider: Provider) -> None:
    body = {"parcels": [parcel(trace("COLLECTED"))]}
    moment = str(int(time.time()))
    send(body, timestamp=moment)
    before = TrackedParcel.objects.values("version", "status", "follow_at", "as_of").get()

    response = send(body, timestamp=moment)

    assert response.json() == {"recorded": 0}
    after = TrackedParcel.objects.values("version", "status", "follow_at", "as_of").get()
    assert after == before
    assert ParcelEvent.objects.count() == 1


def test_parcel_stays_where_it_is_when_an_earlier_event_comes_late(provider: Provider) -> None:
    send({"parcels": [parcel(trace("SIGNED", minutes=9))]})

    response = send({"parcels": [parcel(trace("TRANSIT", minutes=1))]})

    assert response.json() == {"recorded": 1}
    assert TrackedParcel.objects.get().status == "delivered"


def test_parcel_stays_where_it_is_when_a_word_is_not_known(provider: Provider) -> None:
    send({"parcels": [parcel(trace("LOST"))]})

    send({"parcels": [parcel(trace("PHOTO_TAKEN", minutes=5))]})

    assert TrackedParcel.objects.get().status == "lost"
    assert list(ParcelEvent.objects.values_list("status", flat=True)) == ["lost", "lost"]


def test_event_that_another_provider_told_in_other_words_is_not_told_twice(
    provider: Provider, make_provider: MakeProvider
) -> None:
    make_provider("other")
    send({"parcels": [parcel(trace("COLLECTED", remark="已揽收"))]})

    response = send(
        {"parcels": [parcel(trace("COLLECTED", remark="快件揽收"), trace("TRANSIT", minutes=3))]},
        path="/api/v1/callbacks/logistics/other",
    )

    assert response.json() == {"recorded": 1}
    assert list(ParcelEvent.objects.values_list("status", flat=True)) == ["picked_up", "in_transit"]


def test_parcel_that_nobody_asked_about_is_passed_over(provider: Provider) -> None:
    response = send({"parcels": [parcel(trace("SIGNED"), waybill="SF2")]})

    assert (response.status_code, response.json()) == (200, {"recorded": 0})
    assert TrackedParcel.objects.count() == 1
    assert_nothing_recorded()


def test_parcel_of_a_carrier_that_the_provider_does_not_serve_is_passed_over(
    provider: Provider,
) -> None:
    Provider.objects.update(carriers=["yto"])

    response = send({"parcels": [parcel(trace("SIGNED"))]})

    assert (response.status_code, response.json()) == (200, {"recorded": 0})
    assert_nothing_recorded()

    Provider.objects.update(carriers=["yto", "sf"])
    assert send({"parcels": [parcel(trace("SIGNED"))]}).json() == {"recorded": 1}


def test_text_is_one_line_of_what_can_be_seen(provider: Provider) -> None:
    send({"parcels": [parcel(trace("TRANSIT", remark=" a\n\tb\u202e\u200b " + "x" * 400))]})

    text = ParcelEvent.objects.get().text
    assert (text[:5], len(text)) == ("a b x", 300)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Callback-Timestamp": "1"},
        {"X-Callback-Signature": "0"},
        {"Authorization": "Bearer op_x"},
    ],
)
def test_refused_when_it_is_not_signed(provider: Provider, headers: dict[str, str]) -> None:
    response = send({"parcels": [parcel(trace("SIGNED"))]}, headers=headers)

    assert refused_with(response) == (401, "signature_missing")
    assert_nothing_recorded()


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "another secret than agreed"},
        {"secret": "none"},
        {"ago": 900},
        {"ago": -900},
        {"timestamp": "9" * 400},
        {"timestamp": "１７００００００００"},
        {"path": "/api/v1/callbacks/logistics/nobody"},
        {"path": "/api/v1/callbacks/logistics/nobody", "secret": "none"},
    ],
)
def test_refused_when_the_signature_does_not_hold(
    provider: Provider, changes: dict[str, Any]
) -> None:
    if "ago" in changes:  # of the test, not of the moment at which tests were collected
        changes = {"timestamp": str(int(time.time()) - changes["ago"])}
    if not changes.get("timestamp", "").isascii():
        changes = {"headers": {"X-Callback-Timestamp": "1\xb2", "X-Callback-Signature": "0" * 64}}

    response = send({"parcels": [parcel(trace("SIGNED"))]}, **changes)

    assert refused_with(response) == (401, "signature_invalid")
    assert_nothing_recorded()


def test_refused_when_the_body_is_another_than_was_signed(provider: Provider) -> None:
    moment = str(int(time.time()))
    headers = {
        "X-Callback-Timestamp": moment,
        "X-Callback-Signature": sign(SECRET, moment, b'{"parcels": []}'),
    }

    response = send({"parcels": [parcel(trace("SIGNED"))]}, headers=headers)

    assert refused_with(response) == (401, "signature_invalid")
    assert_nothing_recorded()


@pytest.mark.parametrize("fields", [{"is_enabled": False}, {"callback_secret": b""}])
def test_refused_when_the_provider_has_no_callbacks(
    provider: Provider, fields: dict[str, Any]
) -> None:
    Provider.objects.update(**fields)

    response = send({"parcels": [parcel(trace("SIGNED"))]})

    assert refused_with(response) == (401, "signature_invalid")
    assert_nothing_recorded()


FUTURE = {**trace("SIGNED"), "time": "2999-01-01T00:00:00+08:00"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "json_invalid"),
        (b"", 422, "field_invalid"),
        (b'{"a": 1, "a": 2}', 400, "json_duplicate_key"),
        (b"[" * 5000, 400, "json_too_deep"),
        (b'{"parcels": ["\\u0000"]}', 422, "string_invalid"),
        ([], 422, "field_invalid"),
        ({"parcels": {}}, 422, "field_invalid"),
        ({"parcels": [1]}, 422, "field_invalid"),
        ({"parcels": [{}]}, 422, "field_invalid"),
        ({"parcels": [parcel()] * 101}, 422, "field_invalid"),
        ({"parcels": [{**parcel(), "waybill": 1}]}, 422, "field_invalid"),
        ({"parcels": [{**parcel(), "traces": "x"}]}, 422, "field_invalid"),
        ({"parcels": [parcel({**trace("SIGNED"), "time": "yesterday"})]}, 422, "field_invalid"),
        ({"parcels": [parcel({**trace("SIGNED"), "time": 1})]}, 422, "field_invalid"),
        ({"parcels": [parcel({**trace("SIGNED"), "remark": None})]}, 422, "field_invalid"),
        ({"parcels": [parcel(trace("SIGNED")), parcel(FUTURE)]}, 422, "field_invalid"),
        ({"parcels": [parcel(*[trace("TRANSIT", minutes=n) for n in range(501)])]}, 422,
         "field_invalid"),
        (b" " * (2 * 1024 * 1024 + 1), 413, "body_too_large"),
    ],
)  # fmt: skip
def test_refused_whole_when_the_body_is_not_what_was_agreed(
    provider: Provider, body: Any, status: int, code: str
) -> None:
    assert refused_with(send(body)) == (status, code)
    assert_nothing_recorded()


def test_other_methods_are_refused(provider: Provider) -> None:
    response = Client().get(PATH)

    assert refused_with(response) in {(401, "signature_missing"), (405, "method_not_allowed")}
