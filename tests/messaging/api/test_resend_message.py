from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.messaging.models import Message, WebhookDelivery, WebhookEndpoint
from tests.cast import Merchant
from tests.messaging.hooks import (
    MISSING,
    attempt,
    columns,
    fail,
    make_endpoint,
    refused_with,
    set_fields,
    settle,
    take,
    tell_orders,
)


@pytest.fixture
def delivery(merchant: Merchant) -> WebhookDelivery:
    """The second of three deliveries, set aside after eight tries."""
    tell_orders(merchant, 4)
    endpoint = make_endpoint(merchant)
    set_fields(endpoint, taken_sequence=0)
    _first, second, _third = take(endpoint, until=3)
    settle(second, "set_aside", tries=8, attempts=9)
    return second


def resend(merchant: Merchant, delivery: WebhookDelivery, **headers: str) -> Any:
    response = merchant.api.post(
        f"/webhook-endpoints/{delivery.endpoint.endpoint_id}"
        f"/deliveries/{delivery.message_id}/resend",
        headers=headers,
    )
    delivery.refresh_from_db()
    return response


def test_message_is_due_at_once_with_all_its_tries(
    merchant: Merchant, delivery: WebhookDelivery
) -> None:
    attempt(delivery, 9)
    before = clock.now()

    response = resend(merchant, delivery)

    assert response.status_code == 202
    told = response.json()
    assert told == {
        "id": delivery.message_id,
        "sequence": 2,
        "type": "order.created",
        "subject": "order:S-2",
        "status": "pending",
        "created_at": clock.to_text(delivery.created_at),
        "delivered_at": None,
        "next_attempt_at": clock.to_text(delivery.next_attempt_at),
        "attempts": told["attempts"],
    }
    assert [one["number"] for one in told["attempts"]] == [9]
    assert (delivery.status, delivery.tries, delivery.attempts) == ("pending", 0, 9)
    assert delivery.is_wanted_now
    assert delivery.next_attempt_at is not None
    assert abs((delivery.next_attempt_at - before).total_seconds()) < 60
    others = WebhookDelivery.objects.exclude(pk=delivery.pk)
    assert not others.filter(is_wanted_now=True).exists()
    entry = AuditEntry.objects.get(action="resend_webhook")
    assert entry.after == {"message_id": delivery.message_id}


def test_works_when_it_was_delivered(merchant: Merchant, delivery: WebhookDelivery) -> None:
    settle(delivery)

    told = resend(merchant, delivery).json()

    assert (told["status"], told["delivered_at"]) == ("pending", None)


def test_works_while_the_endpoint_fails(merchant: Merchant, delivery: WebhookDelivery) -> None:
    fail(delivery.endpoint, datetime(2026, 3, 1, tzinfo=UTC))

    assert resend(merchant, delivery).status_code == 202
    assert delivery.is_wanted_now


def test_endpoint_stays_where_it_is(merchant: Merchant, delivery: WebhookDelivery) -> None:
    before = columns(WebhookEndpoint)

    resend(merchant, delivery)

    assert columns(WebhookEndpoint) == before


def test_refused_when_the_endpoint_is_disabled(
    merchant: Merchant, delivery: WebhookDelivery
) -> None:
    set_fields(delivery.endpoint, status="disabled", disabled_reason="gone")
    before = columns(WebhookDelivery)

    response = resend(merchant, delivery)

    assert refused_with(response) == (409, "webhook_endpoint_disabled")
    assert response.json()["errors"][0]["disabled_reason"] == "gone"
    assert columns(WebhookDelivery) == before


def test_refused_when_the_message_is_no_longer_kept(
    merchant: Merchant, delivery: WebhookDelivery
) -> None:
    Message.objects.filter(sequence=2).delete()
    before = columns(WebhookDelivery)

    response = resend(merchant, delivery)

    assert refused_with(response) == (410, "message_expired")
    assert columns(WebhookDelivery) == before


def test_as_if_missing_when_it_was_never_on_its_way_there(
    merchant: Merchant, stranger: Merchant, delivery: WebhookDelivery
) -> None:
    own = delivery.endpoint.endpoint_id
    not_taken = Message.objects.get(partner=merchant.partner, sequence=4)
    tell_orders(stranger, 1)
    theirs = make_endpoint(stranger)
    set_fields(theirs, taken_sequence=0)
    (of_another,) = take(theirs)
    before = columns(WebhookDelivery)

    answers = [
        merchant.api.post(f"/webhook-endpoints/{endpoint_id}/deliveries/{message_id}/resend")
        for endpoint_id, message_id in [
            (own, not_taken.message_id),
            (own, of_another.message_id),
            (own, "msg_0"),
            (theirs.endpoint_id, of_another.message_id),
            (theirs.endpoint_id, delivery.message_id),
            (MISSING, delivery.message_id),
        ]
    ]

    assert [refused_with(answer) for answer in answers] == [(404, "not_found")] * 6
    assert columns(WebhookDelivery) == before


def test_it_goes_once_when_it_is_asked_for_again_under_a_key(
    merchant: Merchant, delivery: WebhookDelivery
) -> None:
    first = resend(merchant, delivery, **{"Idempotency-Key": "one"})
    settle(delivery)

    second = resend(merchant, delivery, **{"Idempotency-Key": "one"})

    assert second.json() == first.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert delivery.status == "delivered"


def test_refused_when_a_body_is_sent(merchant: Merchant, delivery: WebhookDelivery) -> None:
    before = columns(WebhookDelivery)

    response = merchant.api.post(
        f"/webhook-endpoints/{delivery.endpoint.endpoint_id}"
        f"/deliveries/{delivery.message_id}/resend",
        {"data": {}},
    )

    assert refused_with(response) == (422, "unknown_field")
    assert columns(WebhookDelivery) == before


def test_refused_without_the_scope(merchant: Merchant, delivery: WebhookDelivery) -> None:
    response = merchant.api_with("messages:read").post(
        f"/webhook-endpoints/{delivery.endpoint.endpoint_id}"
        f"/deliveries/{delivery.message_id}/resend"
    )

    assert refused_with(response) == (403, "scope_missing")
