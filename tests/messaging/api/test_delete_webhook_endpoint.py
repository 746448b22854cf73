from __future__ import annotations

from typing import Any

import pytest

from openplatform.audit.models import AuditEntry
from openplatform.messaging.models import WebhookAttempt, WebhookEndpoint
from tests.cast import Merchant
from tests.messaging.hooks import (
    MISSING,
    attempt,
    columns,
    fail,
    make_endpoint,
    refused_with,
    settle,
    take,
    tell_orders,
)


@pytest.fixture
def endpoint(merchant: Merchant) -> WebhookEndpoint:
    return make_endpoint(merchant, headers={"X-Shop": "1"})


def delete(merchant: Merchant, endpoint: WebhookEndpoint, **headers: str) -> Any:
    response = merchant.api.request(
        "DELETE", f"/webhook-endpoints/{endpoint.endpoint_id}", headers=headers
    )
    endpoint.refresh_from_db()
    return response


def test_endpoint_is_gone_with_its_secrets(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    merchant.api.post(f"/webhook-endpoints/{endpoint.endpoint_id}/rotate-secret")

    response = delete(merchant, endpoint)

    assert (response.status_code, response.content) == (204, b"")
    assert "Content-Type" not in response.headers
    assert merchant.api.get("/webhook-endpoints").json()["results"] == []
    assert (endpoint.status, endpoint.disabled_reason) == ("disabled", "by_merchant")
    assert endpoint.deleted_at is not None
    sealed = (endpoint.secret, endpoint.old_secret, endpoint.headers)
    assert [bytes(one) for one in sealed] == [b"", b"", b""]
    assert endpoint.old_secret_until is None
    entry = AuditEntry.objects.get(action="delete_webhook_endpoint")
    assert entry.before["status"] == "enabled"
    assert entry.after["headers"] == []


def test_what_waits_is_set_aside_and_attempts_are_kept(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    tell_orders(merchant, 2)
    done, waiting = take(endpoint)
    settle(done)
    attempt(waiting)
    fail(endpoint, endpoint.created_at)

    delete(merchant, endpoint)

    done.refresh_from_db()
    waiting.refresh_from_db()
    assert (done.status, waiting.status) == ("delivered", "set_aside")
    assert waiting.next_attempt_at is None
    assert (endpoint.failures, endpoint.failing_since) == (0, None)
    assert WebhookAttempt.objects.count() == 1


def test_nothing_can_be_done_with_it_any_more(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    tell_orders(merchant, 1)
    (delivery,) = take(endpoint)
    delete(merchant, endpoint)
    before = columns(WebhookEndpoint)
    path = f"/webhook-endpoints/{endpoint.endpoint_id}"

    answers = [
        delete(merchant, endpoint),
        merchant.api.get(path),
        merchant.api.request("PATCH", path, body={"status": "enabled"}),
        merchant.api.post(f"{path}/rotate-secret"),
        merchant.api.post(f"{path}/test"),
        merchant.api.post(f"{path}/replay", {"after_sequence": 0}),
        merchant.api.get(f"{path}/deliveries"),
        merchant.api.post(f"{path}/deliveries/{delivery.message_id}/resend"),
    ]

    assert [refused_with(answer) for answer in answers] == [(404, "not_found")] * 8
    assert columns(WebhookEndpoint) == before


def test_retry_gets_the_same_answer(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    delete(merchant, endpoint, **{"Idempotency-Key": "one"})

    response = delete(merchant, endpoint, **{"Idempotency-Key": "one"})

    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["Idempotent-Replayed"] == "true"


def test_refused_when_a_body_is_sent(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    response = merchant.api.request(
        "DELETE", f"/webhook-endpoints/{endpoint.endpoint_id}", body={"really": True}
    )

    endpoint.refresh_from_db()
    assert refused_with(response) == (422, "unknown_field")
    assert endpoint.deleted_at is None


def test_as_if_missing_when_it_is_of_another(
    merchant: Merchant, stranger: Merchant, endpoint: WebhookEndpoint
) -> None:
    before = columns(WebhookEndpoint)

    theirs = delete(stranger, endpoint)
    missing = stranger.api.request("DELETE", f"/webhook-endpoints/{MISSING}")

    assert refused_with(theirs) == refused_with(missing) == (404, "not_found")
    assert columns(WebhookEndpoint) == before


def test_refused_without_the_scope(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    response = merchant.api_with("messages:read").request(
        "DELETE", f"/webhook-endpoints/{endpoint.endpoint_id}"
    )

    assert refused_with(response) == (403, "scope_missing")
