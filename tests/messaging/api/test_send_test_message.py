from __future__ import annotations

from typing import Any

import pytest

from openplatform.audit.models import AuditEntry
from openplatform.messaging.models import Outbox, WebhookEndpoint
from openplatform.messaging.services.sequencing import sequence_outbox
from tests.cast import Merchant
from tests.messaging.hooks import MISSING, fail, make_endpoint, refused_with, set_fields


@pytest.fixture
def endpoint(merchant: Merchant) -> WebhookEndpoint:
    return make_endpoint(merchant, types=["order.created"], headers={"X-Shop": "1"})


def send_test(merchant: Merchant, endpoint: WebhookEndpoint, **headers: str) -> Any:
    return merchant.api.post(f"/webhook-endpoints/{endpoint.endpoint_id}/test", headers=headers)


def test_message_about_the_endpoint_is_told(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    notice = merchant.api.get(f"/webhook-endpoints/{endpoint.endpoint_id}").json()
    del notice["headers"], notice["backlog"], notice["next_attempt_at"]

    response = send_test(merchant, endpoint)
    sequence_outbox()

    assert response.status_code == 202
    assert response.json() == {
        "type": "test.ping",
        "subject": f"webhook_endpoint:{endpoint.endpoint_id}",
    }
    (message,) = merchant.api.get("/messages").json()["results"]
    assert (message["type"], message["data"]) == ("test.ping", {"endpoint": notice})
    path = f"/webhook-endpoints/{endpoint.endpoint_id}"
    assert merchant.api.get(path).json()["backlog"] == 1
    assert AuditEntry.objects.filter(action="test_webhook_endpoint").count() == 1


def test_works_while_it_fails(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    fail(endpoint, endpoint.created_at)

    assert send_test(merchant, endpoint).status_code == 202
    assert Outbox.objects.count() == 1


def test_refused_when_it_is_disabled(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    set_fields(endpoint, status="disabled", disabled_reason="by_merchant")

    response = send_test(merchant, endpoint)

    assert refused_with(response) == (409, "webhook_endpoint_disabled")
    assert response.json()["errors"][0]["disabled_reason"] == "by_merchant"
    assert not Outbox.objects.exists()


def test_one_is_sent_when_it_is_asked_for_again_under_a_key(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    first = send_test(merchant, endpoint, **{"Idempotency-Key": "one"})

    second = send_test(merchant, endpoint, **{"Idempotency-Key": "one"})

    assert second.json() == first.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert Outbox.objects.count() == 1


def test_refused_when_a_body_is_sent(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    response = merchant.api.post(f"/webhook-endpoints/{endpoint.endpoint_id}/test", {"n": 1})

    assert refused_with(response) == (422, "unknown_field")
    assert not Outbox.objects.exists()


def test_as_if_missing_when_it_is_of_another(stranger: Merchant, endpoint: WebhookEndpoint) -> None:
    theirs = send_test(stranger, endpoint)
    missing = stranger.api.post(f"/webhook-endpoints/{MISSING}/test")

    assert refused_with(theirs) == refused_with(missing) == (404, "not_found")
    assert not Outbox.objects.exists()


def test_refused_without_the_scope(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    response = merchant.api_with("messages:read").post(
        f"/webhook-endpoints/{endpoint.endpoint_id}/test"
    )

    assert refused_with(response) == (403, "scope_missing")
