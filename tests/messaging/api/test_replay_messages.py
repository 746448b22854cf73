from __future__ import annotations

from typing import Any

import pytest

from openplatform.audit.models import AuditEntry
from openplatform.messaging.models import Message, WebhookEndpoint
from tests.cast import Merchant
from tests.messaging.hooks import (
    MISSING,
    columns,
    fail,
    make_endpoint,
    refused_with,
    set_fields,
    settle,
    take,
    tell_orders,
)
from tests.messaging.told import tell


@pytest.fixture
def endpoint(merchant: Merchant) -> WebhookEndpoint:
    """Six messages, of which five were taken: 1, 2, 3, 5 created, 4 and 6 expired."""
    endpoint = make_endpoint(merchant)
    tell_orders(merchant, 3)
    tell_orders(merchant, 1, type="order.expired")
    tell_orders(merchant, 1)
    for delivery in take(endpoint):
        settle(delivery)
    tell_orders(merchant, 1, type="order.expired")
    return endpoint


def replay(merchant: Merchant, endpoint: WebhookEndpoint, after: Any, **headers: str) -> Any:
    response = merchant.api.post(
        f"/webhook-endpoints/{endpoint.endpoint_id}/replay",
        {"after_sequence": after},
        headers=headers,
    )
    endpoint.refresh_from_db()
    return response


@pytest.mark.parametrize(
    ("after", "count", "taken"), [(0, 5, 0), (2, 3, 2), (4, 1, 4), (5, 0, 5), (6, 0, 5)]
)
def test_what_was_taken_goes_again_from_there_on(
    merchant: Merchant, endpoint: WebhookEndpoint, after: int, count: int, taken: int
) -> None:
    response = replay(merchant, endpoint, after)

    assert response.status_code == 202
    assert response.json() == {"after_sequence": after, "message_count": count}
    assert endpoint.taken_sequence == taken


def test_types_that_it_takes_now_count(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    set_fields(endpoint, types=["order.expired"])

    assert replay(merchant, endpoint, 0).json()["message_count"] == 1


def test_test_messages_do_not_count(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    other = make_endpoint(merchant)
    for asked in (other, endpoint):
        tell(merchant, type="test.ping", subject=f"webhook_endpoint:{asked.endpoint_id}")
    tell_orders(merchant, 1)
    set_fields(endpoint, taken_sequence=9)

    assert replay(merchant, endpoint, 6).json()["message_count"] == 1


def test_messages_from_before_it_was_added_go_too(merchant: Merchant) -> None:
    tell_orders(merchant, 3)
    endpoint = make_endpoint(merchant)

    assert replay(merchant, endpoint, 1).json()["message_count"] == 2
    assert endpoint.taken_sequence == 1


def test_works_whatever_the_status(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    fail(endpoint, endpoint.created_at)
    while_failing = replay(merchant, endpoint, 3)
    set_fields(endpoint, status="disabled", disabled_reason="by_merchant", failing_since=None)
    while_disabled = replay(merchant, endpoint, 1)

    assert while_failing.json() == {"after_sequence": 3, "message_count": 2}
    assert while_disabled.json() == {"after_sequence": 1, "message_count": 2}
    assert (endpoint.status, endpoint.taken_sequence) == ("disabled", 1)


def test_refused_when_there_is_no_such_message_yet(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    response = replay(merchant, endpoint, 7)

    assert refused_with(response) == (422, "field_invalid")
    (fault,) = response.json()["errors"]
    assert (fault["pointer"], fault["head"]) == ("/after_sequence", 6)
    assert endpoint.taken_sequence == 5


def test_refused_when_what_comes_next_is_no_longer_kept(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    Message.objects.filter(sequence__lte=2).delete()

    too_old = replay(merchant, endpoint, 1)

    assert refused_with(too_old) == (410, "cursor_expired")
    assert too_old.json()["errors"][0]["oldest"] == 3
    assert endpoint.taken_sequence == 5
    assert replay(merchant, endpoint, 2).json()["message_count"] == 3


def test_refused_when_nothing_is_kept(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    Message.objects.all().delete()

    response = replay(merchant, endpoint, 5)

    assert refused_with(response) == (410, "cursor_expired")
    assert response.json()["errors"][0]["oldest"] == 7
    assert replay(merchant, endpoint, 6).json()["message_count"] == 0


@pytest.mark.parametrize("after", [None, -1, "3", 3.0, True, [3], 10**18, 1e400], ids=repr)
def test_refused_when_it_is_no_sequence(
    merchant: Merchant, endpoint: WebhookEndpoint, after: Any
) -> None:
    response = replay(merchant, endpoint, after)

    assert response.status_code in (400, 422)
    assert endpoint.taken_sequence == 5


def test_refused_when_there_is_another_field(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    response = merchant.api.post(
        f"/webhook-endpoints/{endpoint.endpoint_id}/replay", {"after_sequence": 1, "until": 2}
    )

    endpoint.refresh_from_db()
    assert refused_with(response) == (422, "unknown_field")
    assert endpoint.taken_sequence == 5


def test_trail_tells_from_where_to_where(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    replay(merchant, endpoint, 3)
    replay(merchant, endpoint, 6)

    entry = AuditEntry.objects.get(action="replay_webhooks")
    assert (entry.before, entry.after) == ({"taken_sequence": 5}, {"taken_sequence": 3})


def test_one_replay_is_made_when_it_is_asked_for_again_under_a_key(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    first = replay(merchant, endpoint, 2, **{"Idempotency-Key": "one"})
    set_fields(endpoint, taken_sequence=6)

    second = replay(merchant, endpoint, 2, **{"Idempotency-Key": "one"})

    assert second.json() == first.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert endpoint.taken_sequence == 6


def test_as_if_missing_when_it_is_of_another(stranger: Merchant, endpoint: WebhookEndpoint) -> None:
    before = columns(WebhookEndpoint)

    theirs = replay(stranger, endpoint, 0)
    missing = stranger.api.post(f"/webhook-endpoints/{MISSING}/replay", {"after_sequence": 0})

    assert refused_with(theirs) == refused_with(missing) == (404, "not_found")
    assert columns(WebhookEndpoint) == before


def test_refused_without_the_scope(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    response = merchant.api_with("messages:read").post(
        f"/webhook-endpoints/{endpoint.endpoint_id}/replay", {"after_sequence": 0}
    )

    assert refused_with(response) == (403, "scope_missing")
