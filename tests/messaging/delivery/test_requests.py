from __future__ import annotations

import json

import pytest
from django.conf import LazySettings
from standardwebhooks import Webhook

from openplatform.core import clock
from openplatform.messaging.delivery.pump import UNREADABLE
from openplatform.messaging.models import WebhookEndpoint
from openplatform.messaging.selectors import get_feed
from openplatform.messaging.services.endpoints import (
    create_endpoint,
    rotate_secret,
)
from tests.cast import Merchant
from tests.messaging.delivery.receivers import Answer, failing, receiving
from tests.messaging.delivery.sending import (
    attempts_of,
    deliveries_of,
    register,
    send_due,
    tell_all,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_request_is_a_standard_webhook_when_a_message_is_sent(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint, secret = create_endpoint(
            partner_id=acme.partner.pk,
            url=receiver.url,
            types=(),
            description="",
            headers={"Authorization": "Bearer let-me-in"},
            actor="test",
        )
        tell_all(acme, "order:1")

        send_due()

    [request] = receiver.received
    feed = get_feed(partner_id=acme.partner.pk, after=None, types=[], limit=10)
    assert request.document == feed["results"][0]
    assert request.path == "/hooks"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "openplatform-webhooks/1"
    assert request.headers["authorization"] == "Bearer let-me-in"
    assert request.headers["webhook-id"] == feed["results"][0]["id"]
    Webhook(secret).verify(request.body, dict(request.headers))
    [attempt] = attempts_of(endpoint)
    assert (attempt.number, attempt.url, attempt.status_code) == (1, receiver.url, 204)
    assert (attempt.error, attempt.answer, attempt.next_attempt_at) == ("", "", None)
    assert attempt.delivery.message_id == request.message_id
    assert attempt.delivery.delivered_at is not None


def test_both_secrets_sign_when_the_secret_was_rotated(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint, old = create_endpoint(
            partner_id=acme.partner.pk, url=receiver.url, types=(), description="", headers={},
            actor="test",
        )  # fmt: skip
        _endpoint, new = rotate_secret(
            endpoint_id=endpoint.endpoint_id, partner_id=acme.partner.pk, actor="test"
        )
        tell_all(acme, "order:1")
        send_due()
        WebhookEndpoint.objects.update(old_secret_until=clock.now())
        tell_all(acme, "order:1")
        send_due()

    during, after = receiver.received
    assert [len(one.headers["webhook-signature"].split(" ")) for one in (during, after)] == [2, 1]
    for secret in (old, new):
        Webhook(secret).verify(during.body, dict(during.headers))
    Webhook(new).verify(after.body, dict(after.headers))


def test_answer_is_kept_readable_when_it_is_not_text(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        receiver.answer = lambda _received: Answer(200, b"a\x00b\xff" + "码".encode() * 1000)
        tell_all(acme, "order:1")

        send_due()

    [attempt] = attempts_of(endpoint)
    assert attempt.answer.startswith("ab\ufffd码码")
    assert len(attempt.answer) < 350


@pytest.mark.parametrize("status", [301, 302, 307])
def test_redirect_is_a_failure_when_the_receiver_sends_one(acme: Merchant, status: int) -> None:
    with receiving() as receiver, receiving() as elsewhere:
        endpoint = register(acme, receiver)
        receiver.answer = failing(status, Location=elsewhere.url)
        tell_all(acme, "order:1")

        send_due()

    assert elsewhere.received == []
    assert [one.status_code for one in attempts_of(endpoint)] == [status]
    assert deliveries_of(endpoint) == [(1, "pending", 1, 1)]


def test_private_host_is_refused_when_it_is_no_longer_open_to_us(
    acme: Merchant, settings: LazySettings
) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        # As when the name of a public host is turned to the inside later.
        settings.WEBHOOK_PRIVATE_HOSTS = []
        WebhookEndpoint.objects.update(url=receiver.url.replace("http:", "https:"))
        tell_all(acme, "order:1")

        send_due()

    assert receiver.received == []
    [attempt] = attempts_of(endpoint)
    assert attempt.status_code is None
    assert "public" in attempt.error
    assert deliveries_of(endpoint) == [(1, "pending", 1, 1)]


def test_attempt_tells_why_when_the_secret_cannot_be_opened(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        WebhookEndpoint.objects.update(secret=b"sealed by another platform")
        tell_all(acme, "order:1")

        send_due()

    assert receiver.received == []
    assert [one.error for one in attempts_of(endpoint)] == [UNREADABLE]


def test_body_is_compact_json_when_a_message_is_sent(acme: Merchant) -> None:
    with receiving() as receiver:
        register(acme, receiver)
        tell_all(acme, "order:1")

        send_due()

    [request] = receiver.received
    assert list(json.loads(request.body)) == ["id", "sequence", "type", "timestamp", "data"]
    assert request.body.startswith(b'{"id":"msg_')
