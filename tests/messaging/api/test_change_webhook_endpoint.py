from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.messaging.models import Outbox, WebhookEndpoint
from openplatform.messaging.services.endpoints import change_endpoint, headers_of
from tests.cast import Merchant
from tests.messaging.hooks import (
    MISSING,
    URL,
    columns,
    fail,
    make_endpoint,
    refused_with,
    set_fields,
    settle,
    take,
    tell_orders,
)

SINCE = datetime(2026, 3, 1, 10, tzinfo=UTC)
OTHER_URL = "https://93.184.216.35/hook"


@pytest.fixture
def endpoint(merchant: Merchant) -> WebhookEndpoint:
    return make_endpoint(
        merchant,
        types=["order.created"],
        description="mine",
        headers={"Authorization": "Bearer old", "X-Shop": "1"},
    )


def change(merchant: Merchant, endpoint: WebhookEndpoint, body: Any, **headers: str) -> Any:
    response = merchant.api.request(
        "PATCH", f"/webhook-endpoints/{endpoint.endpoint_id}", body=body, headers=headers
    )
    endpoint.refresh_from_db()
    return response


def test_what_is_named_changes_and_the_rest_stays(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    before = endpoint.updated_at

    response = change(merchant, endpoint, {"description": "ours"})

    assert response.status_code == 200
    assert response.json() == {
        "id": endpoint.endpoint_id,
        "url": URL,
        "types": ["order.created"],
        "description": "ours",
        "headers": {"Authorization": "********", "X-Shop": "********"},
        "status": "enabled",
        "disabled_reason": None,
        "failing_since": None,
        "next_attempt_at": None,
        "last_delivered_sequence": 0,
        "backlog": 0,
        "created_at": clock.to_text(endpoint.created_at),
        "updated_at": clock.to_text(endpoint.updated_at),
    }
    assert endpoint.updated_at > before
    assert headers_of(endpoint) == {"Authorization": "Bearer old", "X-Shop": "1"}
    entry = AuditEntry.objects.get(action="change_webhook_endpoint")
    assert (entry.before, entry.after) == ({"description": "mine"}, {"description": "ours"})


def test_all_of_it_changes_when_all_is_named(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    change(merchant, endpoint, {"url": OTHER_URL, "types": [], "description": "", "headers": {}})

    assert (endpoint.url, endpoint.types, endpoint.description) == (OTHER_URL, [], "")
    assert headers_of(endpoint) == {}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": URL, "types": ["order.created"], "description": "mine", "status": "enabled"},
        {"headers": {"Authorization": "********", "X-Shop": "********"}},
        {"headers": {"X-Shop": "1", "Authorization": "Bearer old"}},
    ],
)
def test_nothing_changes_when_nothing_differs(
    merchant: Merchant, endpoint: WebhookEndpoint, body: Any
) -> None:
    before = columns(WebhookEndpoint)

    response = change(merchant, endpoint, body)

    assert response.status_code == 200
    assert columns(WebhookEndpoint) == before
    assert not AuditEntry.objects.filter(action="change_webhook_endpoint").exists()


def test_value_of_a_header_stays_when_the_mask_is_sent_back(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    response = change(merchant, endpoint, {"headers": {"authorization": "********", "X-New": "2"}})

    assert response.json()["headers"] == {"authorization": "********", "X-New": "********"}
    assert headers_of(endpoint) == {"authorization": "Bearer old", "X-New": "2"}


def test_trail_names_headers_without_values(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    change(merchant, endpoint, {"headers": {"Authorization": "Bearer new"}})

    entry = AuditEntry.objects.get(action="change_webhook_endpoint")
    assert entry.before == {"headers": ["Authorization", "X-Shop"]}
    assert entry.after == {"headers": ["Authorization"], "headers_set": ["Authorization"]}


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"url": "https://10.0.0.1/"}, "/url", "url_not_allowed"),
        ({"url": ""}, "/url", "field_required"),
        ({"types": ["nothing.known"]}, "/types", "field_invalid"),
        ({"headers": {"X-Other": "********"}}, "/headers/X-Other", "field_invalid"),
        ({"headers": {"X-Shop": "a\r\nb"}}, "/headers/X-Shop", "field_invalid"),
        ({"headers": {"Host": "inside"}}, "/headers/Host", "field_invalid"),
        ({"status": "failing"}, "/status", "field_invalid"),
        ({"status": "ENABLED"}, "/status", "field_invalid"),
        ({"status": True}, "/status", "field_invalid"),
        ({"disabled_reason": "gone"}, "/disabled_reason", "unknown_field"),
        ({"id": "we_1"}, "/id", "unknown_field"),
        ({"failing_since": None}, "/failing_since", "unknown_field"),
        ({"url": None}, "/url", "field_invalid"),
        ({"types": None}, "/types", "field_invalid"),
        ({"headers": None}, "/headers", "field_invalid"),
        ({"status": None}, "/status", "field_invalid"),
    ],
)  # fmt: skip
def test_refused_when_a_field_does_not_hold(
    merchant: Merchant, endpoint: WebhookEndpoint, body: Any, pointer: str, code: str
) -> None:
    before = columns(WebhookEndpoint)

    response = change(merchant, endpoint, {"description": "ours", **body})

    assert response.status_code == 422
    assert [(one["pointer"], one["code"]) for one in response.json()["errors"]] == [(pointer, code)]
    assert columns(WebhookEndpoint) == before


def test_every_field_that_is_null_is_named(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    before = columns(WebhookEndpoint)

    response = change(merchant, endpoint, {"types": None, "description": None, "status": "gone"})

    assert refused_with(response) == (422, "field_invalid")
    pointers = [fault["pointer"] for fault in response.json()["errors"]]
    assert pointers == ["/types", "/description", "/status"]
    assert columns(WebhookEndpoint) == before


def test_messages_wait_when_it_is_disabled(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    fail(endpoint, SINCE)

    response = change(merchant, endpoint, {"status": "disabled"})

    told = response.json()
    assert (told["status"], told["disabled_reason"]) == ("disabled", "by_merchant")
    assert told["failing_since"] is None
    assert (endpoint.failures, endpoint.paused_until, endpoint.warned_at) == (0, None, None)
    message = Outbox.objects.get()
    assert (message.type, message.partner_ids) == (
        "webhook_endpoint.disabled",
        [merchant.partner.pk],
    )
    assert message.subject == f"webhook_endpoint:{endpoint.endpoint_id}"
    del told["headers"], told["backlog"], told["next_attempt_at"]
    assert message.data == {"endpoint": told}


def test_reason_stays_when_it_is_disabled_already(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    set_fields(endpoint, status="disabled", disabled_reason="gone")

    response = change(merchant, endpoint, {"status": "disabled"})

    assert response.status_code == 200
    assert response.json()["disabled_reason"] == "gone"
    assert not Outbox.objects.exists()


@pytest.mark.parametrize("reason", ["by_merchant", "gone", "failing"])
def test_what_waits_goes_at_once_when_it_is_enabled(
    merchant: Merchant, endpoint: WebhookEndpoint, reason: str
) -> None:
    tell_orders(merchant, 2)
    later = datetime(2030, 1, 1, tzinfo=UTC)
    done, waiting = take(endpoint)
    settle(done)
    set_fields(waiting, next_attempt_at=later)
    set_fields(endpoint, status="disabled", disabled_reason=reason, failures=9, paused_until=later)

    response = change(merchant, endpoint, {"status": "enabled"})

    told = response.json()
    assert (told["status"], told["disabled_reason"]) == ("enabled", None)
    assert (endpoint.failures, endpoint.paused_until) == (0, None)
    waiting.refresh_from_db()
    done.refresh_from_db()
    assert waiting.next_attempt_at is not None
    assert waiting.next_attempt_at < later
    assert done.next_attempt_at is None
    assert not Outbox.objects.exists()


def test_circuit_closes_when_a_failing_one_is_enabled(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    fail(endpoint, SINCE)

    told = change(merchant, endpoint, {"status": "enabled"}).json()

    assert (told["status"], told["failing_since"]) == ("enabled", None)
    assert (endpoint.failures, endpoint.paused_until, endpoint.warned_at) == (0, None, None)


def test_next_probe_is_due_when_the_address_changes(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    fail(endpoint, SINCE)

    told = change(merchant, endpoint, {"url": OTHER_URL}).json()

    assert (told["status"], endpoint.paused_until) == ("failing", None)


def test_refused_when_an_operator_disabled_it(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    partner_id = merchant.partner.pk
    by_operator = {
        "endpoint_id": endpoint.endpoint_id, "partner_id": partner_id, "actor": "staff",
        "is_staff": True,
    }  # fmt: skip
    change_endpoint(**by_operator, status="disabled")  # type: ignore[arg-type]
    before = columns(WebhookEndpoint)

    response = change(merchant, endpoint, {"status": "enabled", "description": "ours"})

    assert refused_with(response) == (409, "webhook_endpoint_disabled")
    assert response.json()["errors"][0]["disabled_reason"] == "by_operator"
    assert columns(WebhookEndpoint) == before
    change_endpoint(**by_operator, status="enabled")  # type: ignore[arg-type]
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.disabled_reason) == ("enabled", "")


def test_operator_takes_over_what_the_merchant_disabled(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    change(merchant, endpoint, {"status": "disabled"})

    change_endpoint(
        endpoint_id=endpoint.endpoint_id, partner_id=merchant.partner.pk, actor="staff",
        is_staff=True, status="disabled",
    )  # fmt: skip

    endpoint.refresh_from_db()
    assert endpoint.disabled_reason == "by_operator"
    assert Outbox.objects.count() == 1


def test_headers_are_set_anew_when_no_key_opens_them(
    merchant: Merchant, endpoint: WebhookEndpoint
) -> None:
    set_fields(endpoint, headers=b"sealed under another key")

    masked = change(merchant, endpoint, {"headers": {"X-Shop": "********"}})
    anew = change(merchant, endpoint, {"headers": {"X-Shop": "2"}})

    assert refused_with(masked) == (422, "field_invalid")
    assert anew.json()["headers"] == {"X-Shop": "********"}
    assert headers_of(endpoint) == {"X-Shop": "2"}


def test_retry_gets_the_first_answer(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    key = {"Idempotency-Key": "one"}
    first = change(merchant, endpoint, {"description": "ours"}, **key)
    change(merchant, endpoint, {"description": "later"})

    again = change(merchant, endpoint, {"description": "ours"}, **key)
    other = change(merchant, endpoint, {"description": "other"}, **key)

    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert endpoint.description == "later"
    assert refused_with(other) == (422, "idempotency_key_reused")


def test_as_if_missing_when_it_is_of_another(
    merchant: Merchant, stranger: Merchant, endpoint: WebhookEndpoint
) -> None:
    before = columns(WebhookEndpoint)

    theirs = change(stranger, endpoint, {"status": "disabled"})
    missing = stranger.api.request("PATCH", f"/webhook-endpoints/{MISSING}", body={})

    assert refused_with(theirs) == refused_with(missing) == (404, "not_found")
    assert columns(WebhookEndpoint) == before


def test_refused_without_the_scope(merchant: Merchant, endpoint: WebhookEndpoint) -> None:
    response = merchant.api_with("messages:read").request(
        "PATCH", f"/webhook-endpoints/{endpoint.endpoint_id}", body={"status": "disabled"}
    )

    assert refused_with(response) == (403, "scope_missing")
