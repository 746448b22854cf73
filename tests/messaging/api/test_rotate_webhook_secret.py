from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.idempotency.models import IdempotentRequest
from openplatform.messaging.models import WebhookEndpoint
from openplatform.messaging.services.endpoints import secrets_of
from tests.cast import Merchant
from tests.messaging.hooks import MISSING, columns, make_endpoint, refused_with, set_fields


@pytest.fixture
def endpoint(merchant: Merchant) -> WebhookEndpoint:
    return make_endpoint(merchant)


def rotate(merchant: Merchant, endpoint: WebhookEndpoint, **headers: str) -> Any:
    response = merchant.api.post(
        f"/webhook-endpoints/{endpoint.endpoint_id}/rotate-secret", headers=headers
    )
    endpoint.refresh_from_db()
    return response


def test_both_secrets_sign_for_a_day(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    (old,) = secrets_of(endpoint, clock.now())

    response = rotate(merchant, endpoint)

    now = clock.now()
    told = response.json()
    new = told.pop("secret")
    assert response.status_code == 200
    assert told == merchant.api.get(f"/webhook-endpoints/{endpoint.endpoint_id}").json()
    assert new.startswith("whsec_")
    assert new != old
    assert secrets_of(endpoint, now) == [new, old]
    assert secrets_of(endpoint, now + timedelta(hours=23, minutes=59)) == [new, old]
    assert secrets_of(endpoint, now + timedelta(hours=24, minutes=1)) == [new]


def test_the_two_last_sign_when_it_is_rotated_again(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    second = rotate(merchant, endpoint).json()["secret"]

    third = rotate(merchant, endpoint).json()["secret"]

    assert secrets_of(endpoint, clock.now()) == [third, second]


def test_works_when_the_status_is_any(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    set_fields(endpoint, status="disabled", disabled_reason="gone")

    response = rotate(merchant, endpoint)

    assert response.status_code == 200
    assert response.json()["status"] == "disabled"


def test_new_secret_signs_when_the_old_cannot_be_opened(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    set_fields(endpoint, secret=b"sealed under another key")

    secret = rotate(merchant, endpoint).json()["secret"]

    assert secrets_of(endpoint, clock.now()) == [secret]


def test_retry_changes_nothing_and_shows_no_secret(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    first = rotate(merchant, endpoint, **{"Idempotency-Key": "one"})
    before = columns(WebhookEndpoint)

    second = rotate(merchant, endpoint, **{"Idempotency-Key": "one"})

    told = first.json()
    secret = told.pop("secret")
    assert second.json() == told
    assert second.headers["Idempotent-Replayed"] == "true"
    assert columns(WebhookEndpoint) == before
    assert secret not in IdempotentRequest.objects.get().answer


def test_trail_tells_of_it_without_the_secret(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    secret = rotate(merchant, endpoint).json()["secret"]

    entry = AuditEntry.objects.get(action="rotate_webhook_secret")
    assert entry.after == {"old_secret_until": clock.to_text(endpoint.old_secret_until)}
    assert secret not in str(entry.after)


def test_refused_when_a_body_is_sent(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    before = columns(WebhookEndpoint)

    response = merchant.api.post(
        f"/webhook-endpoints/{endpoint.endpoint_id}/rotate-secret", {"secret": "whsec_mine"}
    )

    assert refused_with(response) == (422, "unknown_field")
    assert columns(WebhookEndpoint) == before


def test_as_if_missing_when_it_is_of_another(
    merchant: Merchant, stranger: Merchant, endpoint: WebhookEndpoint
) -> None:
    before = columns(WebhookEndpoint)

    theirs = rotate(stranger, endpoint)
    missing = stranger.api.post(f"/webhook-endpoints/{MISSING}/rotate-secret")

    assert refused_with(theirs) == refused_with(missing) == (404, "not_found")
    assert columns(WebhookEndpoint) == before


def test_refused_without_the_scope(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    response = merchant.api_with("messages:read").post(
        f"/webhook-endpoints/{endpoint.endpoint_id}/rotate-secret"
    )

    assert refused_with(response) == (403, "scope_missing")
