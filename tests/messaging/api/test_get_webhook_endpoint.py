from __future__ import annotations

from datetime import UTC, datetime, timedelta

from openplatform.core import clock
from tests.cast import Merchant
from tests.messaging.hooks import (
    MISSING,
    URL,
    fail,
    make_endpoint,
    refused_with,
    set_fields,
    tell_orders,
)

SINCE = datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_endpoint_is_told_as_it_stands(merchant: Merchant) -> None:
    endpoint = make_endpoint(merchant, types=["order.created"], headers={"X-Shop": "1"})
    tell_orders(merchant, 2)
    fail(endpoint, SINCE)

    response = merchant.api.get(f"/webhook-endpoints/{endpoint.endpoint_id}")

    assert response.status_code == 200
    assert response.json() == {
        "id": endpoint.endpoint_id,
        "url": URL,
        "types": ["order.created"],
        "description": "",
        "headers": {"X-Shop": "********"},
        "status": "failing",
        "disabled_reason": None,
        "failing_since": "2026-03-01T18:00:00+08:00",
        "next_attempt_at": None,
        "last_delivered_sequence": 0,
        "backlog": 2,
        "created_at": clock.to_text(endpoint.created_at),
        "updated_at": clock.to_text(endpoint.updated_at),
    }


def test_next_probe_is_told_while_it_is_ahead(merchant: Merchant) -> None:
    endpoint = make_endpoint(merchant)
    later = clock.now() + timedelta(minutes=5)
    fail(endpoint, SINCE)
    set_fields(endpoint, paused_until=later)
    path = f"/webhook-endpoints/{endpoint.endpoint_id}"

    ahead = merchant.api.get(path).json()
    listed = merchant.api.get("/webhook-endpoints").json()["results"][0]
    set_fields(endpoint, paused_until=SINCE)
    past = merchant.api.get(path).json()

    assert ahead["next_attempt_at"] == listed["next_attempt_at"] == clock.to_text(later)
    assert past["next_attempt_at"] is None


def test_pause_is_told_when_its_receiver_asked_for_one(merchant: Merchant) -> None:
    endpoint = make_endpoint(merchant)
    later = clock.now() + timedelta(minutes=5)
    set_fields(endpoint, paused_until=later)

    told = merchant.api.get(f"/webhook-endpoints/{endpoint.endpoint_id}").json()

    assert (told["status"], told["next_attempt_at"]) == ("enabled", clock.to_text(later))


def test_reason_is_told_when_it_is_disabled(merchant: Merchant) -> None:
    endpoint = make_endpoint(merchant)
    set_fields(endpoint, status="disabled", disabled_reason="gone")

    told = merchant.api.get(f"/webhook-endpoints/{endpoint.endpoint_id}").json()

    assert (told["status"], told["disabled_reason"]) == ("disabled", "gone")


def test_headers_are_told_as_none_when_no_key_opens_them(merchant: Merchant) -> None:
    endpoint = make_endpoint(merchant, headers={"X-Shop": "1"})
    set_fields(endpoint, headers=b"sealed under another key")

    told = merchant.api.get(f"/webhook-endpoints/{endpoint.endpoint_id}").json()

    assert told["headers"] == {}


def test_as_if_missing_when_it_is_deleted_or_of_another(
    merchant: Merchant, stranger: Merchant
) -> None:
    gone = make_endpoint(merchant)
    set_fields(gone, deleted_at=clock.now())
    theirs = make_endpoint(stranger)

    answers = [
        refused_with(merchant.api.get(f"/webhook-endpoints/{endpoint_id}"))
        for endpoint_id in (gone.endpoint_id, theirs.endpoint_id, MISSING, "we_%27", "a" * 65)
    ]

    assert answers == [(404, "not_found")] * 5


def test_refused_without_the_scope(merchant: Merchant) -> None:
    endpoint = make_endpoint(merchant)

    response = merchant.api_with("webhooks:write").get(f"/webhook-endpoints/{endpoint.endpoint_id}")

    assert refused_with(response) == (403, "scope_missing")
