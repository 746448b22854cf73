from __future__ import annotations

from typing import Any

import pytest

from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.sealing import unseal
from openplatform.idempotency.models import IdempotentRequest
from openplatform.messaging.headers import unseal_headers
from openplatform.messaging.models import WebhookEndpoint
from openplatform.messaging.services.endpoints import secrets_of
from tests.cast import Merchant
from tests.messaging.hooks import URL, make_endpoint, refused_with, set_fields, tell_orders

PATH = "/webhook-endpoints"
BODY = {
    "url": "https://93.184.216.34:8443/hooks?shop=1",
    "types": ["order.expired", "order.created", "order.created"],
    "description": "订单",
    "headers": {"Authorization": "Bearer very-secret", "X-Shop": "1"},
}


def test_endpoint_is_added_with_its_secret_when_all_of_it_holds(merchant: Merchant) -> None:
    tell_orders(merchant, 3)

    response = merchant.api.post(PATH, BODY)

    endpoint = WebhookEndpoint.objects.get()
    assert response.status_code == 201
    assert response.json() == {
        "id": endpoint.endpoint_id,
        "url": "https://93.184.216.34:8443/hooks?shop=1",
        "types": ["order.created", "order.expired"],
        "description": "订单",
        "headers": {"Authorization": "********", "X-Shop": "********"},
        "status": "enabled",
        "disabled_reason": None,
        "failing_since": None,
        "next_attempt_at": None,
        "last_delivered_sequence": 3,
        "backlog": 0,
        "created_at": clock.to_text(endpoint.created_at),
        "updated_at": clock.to_text(endpoint.updated_at),
        "secret": secrets_of(endpoint, clock.now())[0],
    }
    assert endpoint.endpoint_id.startswith("we_")
    assert len(endpoint.endpoint_id) == 19
    assert (endpoint.partner_id, endpoint.taken_sequence) == (merchant.partner.pk, 3)
    assert response.json()["secret"].startswith("whsec_")


def test_all_types_are_taken_when_only_the_address_is_told(merchant: Merchant) -> None:
    response = merchant.api.post(PATH, {"url": URL, "types": None, "headers": None})

    told = response.json()
    assert (told["types"], told["description"], told["headers"]) == ([], "", {})
    assert told["last_delivered_sequence"] == 0


def test_secret_and_headers_are_sealed_where_they_are_stored(merchant: Merchant) -> None:
    secret = merchant.api.post(PATH, BODY).json()["secret"]

    endpoint = WebhookEndpoint.objects.get()
    stored = bytes(endpoint.secret) + bytes(endpoint.headers)
    assert secret.encode() not in stored
    assert b"very-secret" not in stored
    assert unseal(endpoint.secret) == secret
    assert unseal_headers(endpoint.headers) == BODY["headers"]


def test_trail_names_the_key_and_no_secret(merchant: Merchant) -> None:
    secret = merchant.api.post(PATH, BODY).json()["secret"]

    entry = AuditEntry.objects.get(action="create_webhook_endpoint")
    assert entry.actor == f"key:{merchant.key[:11]}"
    assert entry.partner_id == merchant.partner.pk
    assert entry.after["url"] == BODY["url"]
    assert entry.after["headers"] == ["Authorization", "X-Shop"]
    assert secret not in str(entry.after)
    assert "very-secret" not in str(entry.after)


def test_retry_gets_the_endpoint_without_its_secret(merchant: Merchant) -> None:
    headers = {"Idempotency-Key": "one"}
    first = merchant.api.post(PATH, BODY, headers=headers)

    second = merchant.api.post(PATH, BODY, headers=headers)

    told = first.json()
    secret = told.pop("secret")
    assert second.status_code == 201
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.json() == told
    assert secret not in IdempotentRequest.objects.get().answer
    assert "very-secret" not in IdempotentRequest.objects.get().answer
    assert WebhookEndpoint.objects.count() == 1


def test_refused_when_another_body_comes_under_the_same_key(merchant: Merchant) -> None:
    headers = {"Idempotency-Key": "one"}
    merchant.api.post(PATH, BODY, headers=headers)

    response = merchant.api.post(PATH, {**BODY, "types": []}, headers=headers)

    assert refused_with(response) == (422, "idempotency_key_reused")
    assert WebhookEndpoint.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"url": None}, "/url", "field_required"),
        ({"url": 7}, "/url", "field_invalid"),
        ({"url": ""}, "/url", "field_required"),
        ({"url": "https://93.184.216.34/" + "a" * 2048}, "/url", "field_invalid"),
        ({"url": "https://93.184.216.34/\r\nX: 1"}, "/url", "string_invalid"),
        ({"url": "https://93.184.216.34/\u202e"}, "/url", "string_invalid"),
        ({"url": "http://93.184.216.34/"}, "/url", "url_not_allowed"),
        ({"url": "https://127.0.0.1/"}, "/url", "url_not_allowed"),
        ({"url": "https://0x7f000001/"}, "/url", "url_not_allowed"),
        ({"url": "https://169.254.169.254/latest"}, "/url", "url_not_allowed"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "/url", "url_not_allowed"),
        ({"url": "https://user:word@93.184.216.34/"}, "/url", "url_not_allowed"),
        ({"url": "ftp://93.184.216.34/"}, "/url", "url_not_allowed"),
        ({"types": "order.created"}, "/types", "field_invalid"),
        ({"types": {"0": "order.created"}}, "/types", "field_invalid"),
        ({"types": [1]}, "/types/0", "field_invalid"),
        ({"types": ["order.created", None]}, "/types/1", "field_invalid"),
        ({"types": ["order.created", "order.*"]}, "/types/1", "field_invalid"),
        ({"types": ["order.gone"]}, "/types", "field_invalid"),
        ({"types": ["order.created"] * 101}, "/types", "too_many_items"),
        ({"description": "a" * 201}, "/description", "field_invalid"),
        ({"description": "a\nb"}, "/description", "string_invalid"),
        ({"description": ["a"]}, "/description", "field_invalid"),
        ({"headers": [["X-A", "1"]]}, "/headers", "field_invalid"),
        ({"headers": {"X-A": 1}}, "/headers/X-A", "field_invalid"),
        ({"headers": {"X-A": None}}, "/headers/X-A", "field_invalid"),
        ({"headers": {f"X-{n}": "1" for n in range(21)}}, "/headers", "too_many_items"),
        ({"headers": {"X-A": "********"}}, "/headers/X-A", "field_invalid"),
        ({"status": "enabled"}, "/status", "unknown_field"),
        ({"secret": "whsec_mine"}, "/secret", "unknown_field"),
    ],
)  # fmt: skip
def test_refused_when_a_field_does_not_hold(
    merchant: Merchant, changes: dict[str, Any], pointer: str, code: str
) -> None:
    response = merchant.api.post(PATH, {**BODY, **changes})

    assert response.status_code == 422
    assert [(one["pointer"], one["code"]) for one in response.json()["errors"]] == [(pointer, code)]
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize(
    "name",
    [
        "Host", "host", "Content-Type", "content-length", "CONTENT-ENCODING", "Transfer-Encoding",
        "Connection", "Webhook-Id", "webhook-signature", "WebHook-Anything", "User-Agent",
        "Accept-Encoding", "Expect", "Upgrade", "TE", "Trailer", "Keep-Alive",
        "Proxy-Authorization", "X A", "X:A", "X.A", "X!A", "X\r\nY", "", "Ключ", "X" * 65,
        "\u212aey",
    ],
)  # fmt: skip
def test_refused_when_a_header_cannot_be_sent(merchant: Merchant, name: str) -> None:
    response = merchant.api.post(PATH, {"url": URL, "headers": {"X-Good": "1", name: "1"}})

    assert response.status_code == 422
    (fault,) = response.json()["errors"]
    assert fault["pointer"] == f"/headers/{name[:64]}"
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize(
    "value",
    ["", " ", "a ", " a", "a\r\nX-Evil: 1", "a\nb", "a\tb", "é", "\u3000", "a" * 1025],
)
def test_refused_when_the_value_of_a_header_cannot_be_sent(merchant: Merchant, value: str) -> None:
    response = merchant.api.post(PATH, {"url": URL, "headers": {"X-Shop": value}})

    assert refused_with(response) == (422, "field_invalid")
    assert [one["pointer"] for one in response.json()["errors"]] == ["/headers/X-Shop"]
    assert not WebhookEndpoint.objects.exists()


def test_refused_when_a_header_stands_there_twice(merchant: Merchant) -> None:
    response = merchant.api.post(PATH, {"url": URL, "headers": {"X-Shop": "1", "x-shop": "2"}})

    assert [one["pointer"] for one in response.json()["errors"]] == ["/headers/x-shop"]


def test_headers_are_taken_up_to_their_limits(merchant: Merchant) -> None:
    headers = {f"X_{number}" + "a" * 58: "v" * 1024 for number in range(10, 30)}

    response = merchant.api.post(PATH, {"url": URL, "headers": headers})

    assert response.status_code == 201
    assert unseal_headers(WebhookEndpoint.objects.get().headers) == headers


def test_all_faults_are_told_at_once(merchant: Merchant) -> None:
    response = merchant.api.post(
        PATH,
        {"url": "https://10.0.0.1/", "types": ["b.c", "a.b"], "headers": {"Host": "h", "X": ""}},
    )

    faults = response.json()["errors"]
    assert [(fault["pointer"], fault["code"]) for fault in faults] == [
        ("/url", "url_not_allowed"),
        ("/types", "field_invalid"),
        ("/headers/Host", "field_invalid"),
        ("/headers/X", "field_invalid"),
    ]
    assert faults[0]["reason"] == "not_public"
    assert faults[1]["unknown"] == ["a.b", "b.c"]


def test_refused_when_the_partner_has_twenty(merchant: Merchant, stranger: Merchant) -> None:
    for _ in range(20):
        make_endpoint(merchant)

    response = merchant.api.post(PATH, BODY)
    theirs = stranger.api.post(PATH, BODY)

    assert refused_with(response) == (422, "too_many_items")
    assert response.json()["errors"][0]["maximum"] == 20
    assert WebhookEndpoint.objects.filter(partner=merchant.partner).count() == 20
    assert theirs.status_code == 201


def test_deleted_endpoints_make_room(merchant: Merchant) -> None:
    for _ in range(20):
        endpoint = make_endpoint(merchant)
    set_fields(endpoint, deleted_at=clock.now())

    response = merchant.api.post(PATH, BODY)

    assert response.status_code == 201


def test_refused_when_the_query_has_anything(merchant: Merchant) -> None:
    response = merchant.api.request("POST", PATH, body=BODY, query={"dry_run": "1"})

    assert refused_with(response) == (400, "filter_not_allowed")
    assert not WebhookEndpoint.objects.exists()


def test_refused_without_the_scope(merchant: Merchant) -> None:
    response = merchant.api_with("messages:read").post(PATH, BODY)

    assert refused_with(response) == (403, "scope_missing")
