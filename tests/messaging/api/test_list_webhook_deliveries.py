from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from openplatform.core import clock
from openplatform.messaging.models import WebhookEndpoint
from tests.cast import Merchant
from tests.messaging.hooks import (
    MISSING,
    URL,
    attempt,
    make_endpoint,
    refused_with,
    set_fields,
    settle,
    take,
    tell_orders,
)

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.fixture
def endpoint(merchant: Merchant) -> WebhookEndpoint:
    """Five deliveries, a day apart from 1 March on: S-1, S-2, S-3 created, S-1, S-2 expired.

    The first was delivered, the second set aside, the others wait.
    """
    endpoint = make_endpoint(merchant)
    tell_orders(merchant, 3)
    tell_orders(merchant, 2, type="order.expired")
    for day, delivery in enumerate(take(endpoint)):
        set_fields(delivery, created_at=AT + timedelta(days=day))
        if day < 2:
            settle(delivery, ("delivered", "set_aside")[day])
    return endpoint


def path_of(endpoint: WebhookEndpoint) -> str:
    return f"/webhook-endpoints/{endpoint.endpoint_id}/deliveries"


def sequences(response: Any) -> list[int]:
    assert response.status_code == 200
    return [delivery["sequence"] for delivery in response.json()["results"]]


def test_deliveries_are_told_with_their_attempts(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    _first, second, third, *_rest = endpoint.deliveries.order_by("sequence")
    set_fields(third, next_attempt_at=AT)
    attempt(second, 1, started_at=AT, next_attempt_at=AT + timedelta(seconds=5))
    attempt(
        second, 2, started_at=AT + timedelta(seconds=5), status_code=None, answer="",
        error="the answer did not come in time", duration_ms=10_000,
    )  # fmt: skip

    response = merchant.api.get(path_of(endpoint))

    assert response.json()["next"] is None
    assert sequences(response) == [5, 4, 3, 2, 1]
    told = response.json()["results"]
    assert told[2] == {
        "id": third.message_id,
        "sequence": 3,
        "type": "order.created",
        "subject": "order:S-3",
        "status": "pending",
        "created_at": "2026-03-03T18:00:00+08:00",
        "delivered_at": None,
        "next_attempt_at": "2026-03-01T18:00:00+08:00",
        "attempts": [],
    }
    assert (told[3]["status"], told[3]["next_attempt_at"]) == ("set_aside", None)
    assert told[3]["attempts"] == [
        {
            "number": 2,
            "at": "2026-03-01T18:00:05+08:00",
            "url": URL,
            "status_code": None,
            "duration_ms": 10_000,
            "error": "the answer did not come in time",
            "answer": "",
            "next_attempt_at": None,
        },
        {
            "number": 1,
            "at": "2026-03-01T18:00:00+08:00",
            "url": URL,
            "status_code": 500,
            "duration_ms": 12,
            "error": None,
            "answer": "no",
            "next_attempt_at": "2026-03-01T18:00:05+08:00",
        },
    ]
    assert told[4]["delivered_at"] == clock.to_text(
        endpoint.deliveries.get(sequence=1).delivered_at
    )


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        ("failing", {"failing_since": AT}),
        ("disabled", {"disabled_reason": "gone"}),
    ],
)
def test_next_attempt_is_not_told_while_the_endpoint_takes_nothing(
    merchant: Merchant, endpoint: WebhookEndpoint, status: str, fields: dict[str, Any]
) -> None:
    set_fields(endpoint, status=status, **fields)

    told = merchant.api.get(path_of(endpoint)).json()["results"]

    assert [one["status"] for one in told[:3]] == ["pending"] * 3
    assert [one["next_attempt_at"] for one in told] == [None] * 5


def test_next_attempt_is_told_when_it_was_asked_for_by_name(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    set_fields(endpoint, status="failing", failing_since=AT, paused_until=AT + timedelta(days=9999))
    set_fields(endpoint.deliveries.get(sequence=4), is_wanted_now=True, next_attempt_at=AT)

    told = merchant.api.get(path_of(endpoint)).json()["results"]

    assert [one["next_attempt_at"] for one in told[:3]] == [None, clock.to_text(AT), None]


def test_next_attempt_comes_after_the_pause_that_the_receiver_asked_for(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    until, later = clock.now() + timedelta(hours=1), clock.now() + timedelta(hours=2)
    set_fields(endpoint, paused_until=until)
    set_fields(endpoint.deliveries.get(sequence=5), next_attempt_at=later)

    told = merchant.api.get(path_of(endpoint)).json()["results"]

    expected = [clock.to_text(later), clock.to_text(until), clock.to_text(until), None, None]
    assert [one["next_attempt_at"] for one in told] == expected


def test_last_twenty_attempts_are_told(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    delivery = endpoint.deliveries.get(sequence=5)
    for number in range(1, 23):
        attempt(delivery, number)

    told = merchant.api.get(path_of(endpoint)).json()["results"][0]

    assert [one["number"] for one in told["attempts"]] == list(range(22, 2, -1))


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"type": "order.created"}, [3, 2, 1]),
        ({"type": "order.expired,order.cancelled"}, [5, 4]),
        ({"type": "order.cancelled"}, []),
        ({"type": ""}, [5, 4, 3, 2, 1]),
        ({"type": ",", "status": "pending"}, [5, 4, 3]),
        ({"subject": "order:S-1"}, [4, 1]),
        ({"subject": "order:s-1"}, []),
        ({"subject": "order:S-"}, []),
        ({"status": "pending"}, [5, 4, 3]),
        ({"status": "set_aside"}, [2]),
        ({"status": "delivered"}, [1]),
        ({"created_after": "2026-03-03T18:00:00+08:00"}, [5, 4, 3]),
        ({"created_before": "2026-03-03T10:00:00Z"}, [2, 1]),
        ({"created_after": "2026-03-02T10:00:00Z", "created_before": "2026-03-03T10:00:00Z"}, [2]),
        ({"type": "order.created", "subject": "order:S-1", "status": "delivered"}, [1]),
    ],
)  # fmt: skip
def test_deliveries_are_found(
    merchant: Merchant, endpoint: WebhookEndpoint, parameters: dict[str, str], found: list[int]
) -> None:
    assert sequences(merchant.api.get(path_of(endpoint), **parameters)) == found


def test_pages_follow_each_other_while_the_list_grows(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    first = merchant.api.get(path_of(endpoint), limit=2, type="order.created,order.expired")
    tell_orders(merchant, 1)
    take(endpoint)
    second = merchant.api.get(first.json()["next"].partition("/api/v1")[2])
    third = merchant.api.get(second.json()["next"].partition("/api/v1")[2])

    assert [sequences(page) for page in (first, second, third)] == [[5, 4], [3, 2], [1]]
    assert third.json()["next"] is None


def test_only_those_of_the_endpoint_are_told(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    other = make_endpoint(merchant)
    tell_orders(merchant, 1)
    take(other)

    assert sequences(merchant.api.get(path_of(other))) == [6]
    assert sequences(merchant.api.get(path_of(endpoint))) == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        ({"type": "order.gone"}, (422, "field_invalid")),
        ({"type": "order.created,'"}, (422, "field_invalid")),
        ({"type": "\0"}, (422, "string_invalid")),
        ({"status": "failed"}, (422, "field_invalid")),
        ({"status": ""}, (422, "field_invalid")),
        ({"subject": ""}, (422, "field_invalid")),
        ({"subject": "a" * 97}, (422, "field_invalid")),
        ({"subject": "a\0"}, (422, "string_invalid")),
        ({"created_after": "yesterday"}, (422, "field_invalid")),
        ({"created_before": "2026-03-01"}, (422, "field_invalid")),
        ({"cursor": "abc"}, (400, "cursor_invalid")),
        ({"limit": "101"}, (422, "field_invalid")),
        ({"endpoint": "we_1"}, (400, "filter_not_allowed")),
    ],
)
def test_refused_when_a_parameter_cannot_be_read(
    merchant: Merchant,
    endpoint: WebhookEndpoint,
    parameters: dict[str, str],
    refusal: tuple[int, str],
) -> None:
    assert refused_with(merchant.api.get(path_of(endpoint), **parameters)) == refusal


def test_refused_when_the_cursor_is_of_another_endpoint(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    other = make_endpoint(merchant)
    following = merchant.api.get(path_of(endpoint), limit=2).json()["next"]

    response = merchant.api.get(path_of(other) + "?" + following.partition("?")[2])

    assert refused_with(response) == (400, "cursor_invalid")


def test_statements_do_not_grow_with_the_rows(
    merchant: Merchant,
    endpoint: WebhookEndpoint,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    merchant.api.get(path_of(endpoint))

    with django_assert_num_queries(4) as few:
        merchant.api.get(path_of(endpoint))
    tell_orders(merchant, 10)
    for delivery in take(endpoint):
        attempt(delivery)
    with django_assert_num_queries(len(few)):
        merchant.api.get(path_of(endpoint))


def test_as_if_missing_when_it_is_of_another(stranger: Merchant, endpoint: WebhookEndpoint) -> None:
    theirs = stranger.api.get(path_of(endpoint))
    missing = stranger.api.get(f"/webhook-endpoints/{MISSING}/deliveries")

    assert refused_with(theirs) == refused_with(missing) == (404, "not_found")


def test_refused_without_the_scope(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    response = merchant.api_with("webhooks:write").get(path_of(endpoint))

    assert refused_with(response) == (403, "scope_missing")
