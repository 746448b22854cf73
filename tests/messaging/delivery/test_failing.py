from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from accounts.models import Contact
from openplatform.core import clock
from openplatform.messaging.delivery.warnings import warn_of_failing_endpoints
from openplatform.messaging.models import Mail, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from openplatform.messaging.services.endpoints import change_endpoint
from openplatform.messaging.services.resending import resend, send_test
from tests.cast import Merchant
from tests.messaging.delivery.receivers import OK, Answer, Received, Receiver, failing, receiving
from tests.messaging.delivery.sending import (
    attempts_of,
    deliveries_of,
    make_due,
    message,
    register,
    send_due,
    sequence_all,
    state_of,
    tell_all,
)
from tests.messaging.told import told

pytestmark = pytest.mark.django_db(transaction=True)

SUBJECTS = [f"order:{number}" for number in range(8)]


def fail(merchant: Merchant, receiver: Receiver, status: int = 500) -> WebhookEndpoint:
    """An endpoint that failed five times in a row, with eight messages for it."""
    endpoint = register(merchant, receiver)
    receiver.answer = failing(status)
    tell_all(merchant, *SUBJECTS)
    send_due()
    return endpoint


def statuses_told(merchant: Merchant) -> list[tuple[str, str]]:
    """Type and status of what a merchant was told of its endpoints."""
    return [
        (type, data["endpoint"]["status"])
        for _sequence, type, data in told(merchant)
        if type.startswith("webhook_endpoint.")
    ]


def add_contact(merchant: Merchant) -> None:
    Contact.objects.create(
        partner=merchant.partner, name="Li Lei", role=Contact.Role.TECHNICAL,
        email="li@acme.example", language=Contact.Language.ENGLISH,
        topics=[Contact.Topic.ENDPOINT_FAILING],
    )  # fmt: skip


def test_endpoint_is_failing_when_five_attempts_in_a_row_failed(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = fail(acme, receiver)
        sequence_all()

    status, failures = state_of(endpoint)
    assert (status, failures) == ("failing", 5)
    assert 5 <= len(receiver.received) <= 8  # what was under way ended
    assert endpoint.failing_since == min(one.started_at for one in attempts_of(endpoint))
    assert endpoint.paused_until is not None
    [told_of] = [data for _s, type, data in told(acme) if type == "webhook_endpoint.failing"]
    assert told_of["endpoint"]["id"] == endpoint.endpoint_id
    assert told_of["endpoint"]["status"] == "failing"
    assert Mail.objects.count() == 0


def test_nothing_is_sent_when_the_next_probe_is_not_due(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = fail(acme, receiver)
        count = len(receiver.received)
        WebhookDelivery.objects.update(next_attempt_at=F("created_at"))

        tell_all(acme, "order:9")
        send_due()

    assert len(receiver.received) == count
    assert state_of(endpoint) == ("failing", 5)


def test_one_probe_at_a_time_is_sent_when_the_endpoint_is_failing(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = fail(acme, receiver, status=503)
        before = deliveries_of(endpoint)
        receiver.received.clear()
        receiver.most = 0
        waits = []
        for _probe in range(3):
            make_due(endpoint)
            send_due()
            endpoint.refresh_from_db()
            assert endpoint.paused_until is not None
            waits.append(endpoint.paused_until - attempts_of(endpoint)[-1].started_at)

    # Nobody is there: it is always the oldest one. Probes are not its own tries.
    assert receiver.sequences == [1, 1, 1]
    assert receiver.most == 1
    assert state_of(endpoint) == ("failing", 8)
    for wait, seconds in zip(waits, (300, 1800, 7200), strict=True):
        assert timedelta(seconds=seconds * 0.85) < wait < timedelta(seconds=seconds * 1.15)
    assert [(status, tries) for _s, status, tries, _a in deliveries_of(endpoint)] == [
        (status, tries) for _s, status, tries, _a in before
    ]


def test_next_message_is_the_probe_when_the_last_one_may_be_to_blame(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = fail(acme, receiver, status=500)
        receiver.received.clear()
        for _probe in range(3):
            make_due(endpoint)
            send_due()

    first, second, third = receiver.sequences
    assert len({first, second, third}) == 3
    assert state_of(endpoint) == ("failing", 8)


def test_endpoint_recovers_when_one_message_takes_its_receiver_down(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = fail(acme, receiver, status=502)
        receiver.answer = lambda received: Answer(502) if received.sequence == 1 else OK
        receiver.received.clear()
        for _probe in range(4):
            make_due(endpoint)
            send_due()

    assert receiver.sequences[:3] == [1, 1, 1]
    assert state_of(endpoint)[0] == "enabled"
    assert [status for _s, status, _t, _a in deliveries_of(endpoint)[:8]] == [
        "pending", *["delivered"] * 7,
    ]  # fmt: skip


def test_endpoint_goes_on_when_the_address_that_is_gone_was_replaced_meanwhile(
    acme: Merchant,
) -> None:
    with receiving() as receiver, receiving() as other:
        endpoint = register(acme, receiver)

        def move(_received: Received) -> Answer:
            change_endpoint(
                endpoint_id=endpoint.endpoint_id, partner_id=acme.partner.pk, url=other.url,
                actor="test",
            )  # fmt: skip
            connection.close()  # of the receiver's thread
            return Answer(410)

        receiver.answer = move
        tell_all(acme, "order:1")
        send_due()
        make_due(endpoint)
        send_due()

    assert state_of(endpoint) == ("enabled", 0)
    assert [one.sequence for one in other.received] == [1]
    assert statuses_told(acme) == []


def test_what_waits_is_sent_in_order_when_the_endpoint_recovers(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        receiver.answer = failing(503)
        tell_all(acme, *["order:1", "order:2"] * 10)
        while state_of(endpoint)[0] == "enabled":
            make_due(endpoint)
            send_due()
        receiver.received.clear()
        receiver.answer = lambda _received: OK
        make_due(endpoint)
        send_due()
        sequence_all()

    assert state_of(endpoint) == ("enabled", 0)
    assert endpoint.failing_since is None
    assert receiver.sequences[0] == 1
    orders = [one.sequence for one in receiver.received if one.sequence <= 20]
    assert [sequence for sequence in orders if sequence % 2] == list(range(1, 20, 2))
    assert [sequence for sequence in orders if not sequence % 2] == list(range(2, 21, 2))
    assert {status for _s, status, _t, _a in deliveries_of(endpoint)} == {"delivered"}


def test_others_pass_when_a_poisonous_message_made_the_endpoint_fail(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        receiver.answer = lambda received: Answer(500) if received.sequence == 1 else OK
        tell_all(acme, "order:1")
        while state_of(endpoint)[0] == "enabled":
            make_due(endpoint)
            send_due()
        tell_all(acme, "order:2")
        make_due(endpoint)
        send_due()

    assert receiver.sequences[:5] == [1, 1, 1, 1, 1]
    assert receiver.sequences[5] != 1
    assert state_of(endpoint)[0] == "enabled"
    assert deliveries_of(endpoint)[0][1] == "pending"
    assert {status for _s, status, _t, _a in deliveries_of(endpoint)[1:]} == {"delivered"}


def test_message_asked_for_is_the_probe_when_the_endpoint_is_failing(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = fail(acme, receiver)
        receiver.received.clear()
        resend(
            endpoint_id=endpoint.endpoint_id, partner_id=acme.partner.pk,
            message_id=message(4, acme).message_id, actor="test",
        )  # fmt: skip
        send_due()
        assert receiver.sequences == [4]

        receiver.answer = lambda _received: OK
        send_test(endpoint_id=endpoint.endpoint_id, partner_id=acme.partner.pk, actor="test")
        sequence_all()
        send_due()

    assert receiver.received[1].document["type"] == "test.ping"
    assert state_of(endpoint) == ("enabled", 0)
    assert {status for _s, status, _t, _a in deliveries_of(endpoint)} == {"delivered"}


def test_endpoint_is_disabled_at_once_when_it_answers_410(acme: Merchant) -> None:
    add_contact(acme)
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        receiver.answer = failing(410)
        tell_all(acme, "order:1", "order:1")
        send_due()
        send_due()
        sequence_all()

    assert receiver.sequences == [1]
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.disabled_reason) == ("disabled", "gone")
    assert endpoint.lease_holder == ""
    assert deliveries_of(endpoint) == [(1, "pending", 0, 1), (2, "pending", 0, 0)]
    assert statuses_told(acme) == [("webhook_endpoint.disabled", "disabled")]
    [mail] = Mail.objects.all()
    assert mail.subject == "A webhook endpoint of Merchant acme was disabled"
    assert "answered 410" in mail.body


def test_contacts_are_mailed_after_an_hour_and_daily_when_an_endpoint_fails(
    acme: Merchant,
) -> None:
    add_contact(acme)
    with receiving() as receiver:
        endpoint = fail(acme, receiver)
    assert warn_of_failing_endpoints() == 0

    _fails_since(endpoint, hours=1)
    assert warn_of_failing_endpoints() == 1
    assert warn_of_failing_endpoints() == 0
    _fails_since(endpoint, hours=25)
    WebhookEndpoint.objects.update(warned_at=Now() - timedelta(hours=24))
    assert warn_of_failing_endpoints() == 1
    assert warn_of_failing_endpoints() == 0

    first, _second = Mail.objects.order_by("id")
    assert first.recipient_email == "li@acme.example"
    assert first.subject == "A webhook endpoint of Merchant acme is failing"
    assert endpoint.url in first.body
    assert "Messages that wait: 8" in first.body
    assert "Last attempt: HTTP 500" in first.body
    sequence_all()
    assert statuses_told(acme) == [("webhook_endpoint.failing", "failing")]


def test_endpoint_is_disabled_when_it_fails_for_five_days(acme: Merchant) -> None:
    add_contact(acme)
    with receiving() as receiver:
        endpoint = fail(acme, receiver)
        _fails_since(endpoint, hours=5 * 24)

        assert warn_of_failing_endpoints() == 1

        count = len(receiver.received)
        make_due(endpoint)
        send_due()
        assert len(receiver.received) == count

        receiver.answer = lambda _received: OK
        receiver.received.clear()
        sequence_all()
        change_endpoint(
            endpoint_id=endpoint.endpoint_id, partner_id=acme.partner.pk, status="enabled",
            actor="test",
        )  # fmt: skip
        send_due()

    assert [mail.subject for mail in Mail.objects.all()] == [
        "A webhook endpoint of Merchant acme was disabled"
    ]
    assert statuses_told(acme) == [
        ("webhook_endpoint.failing", "failing"),
        ("webhook_endpoint.disabled", "disabled"),
    ]
    assert sorted(receiver.sequences) == list(range(1, 11))
    assert state_of(endpoint) == ("enabled", 0)


def test_nobody_is_told_again_when_an_endpoint_comes_and_goes(
    acme: Merchant, settings: LazySettings
) -> None:
    settings.WEBHOOK_WAITS = [0.0, 0.0]
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        for _round in range(3):
            receiver.answer = failing(503)
            settings.WEBHOOK_WAITS = [0.0, 600.0]
            tell_all(acme, *SUBJECTS)
            send_due()
            assert state_of(endpoint)[0] == "failing"
            receiver.answer = lambda _received: OK
            make_due(endpoint)
            send_due()
            assert state_of(endpoint)[0] == "enabled"
    sequence_all()

    assert statuses_told(acme) == [("webhook_endpoint.failing", "failing")]


def _fails_since(endpoint: WebhookEndpoint, *, hours: float) -> None:
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        failing_since=Now() - timedelta(hours=hours)
    )


def test_five_days_begin_anew_when_a_disabled_endpoint_was_enabled(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = fail(acme, receiver)
        WebhookAttempt.objects.update(started_at=F("started_at") - timedelta(days=6))
        WebhookEndpoint.objects.update(failing_since=Now() - timedelta(days=6))
        warn_of_failing_endpoints()
        assert state_of(endpoint)[0] == "disabled"
        enabled_at = clock.now()
        change_endpoint(
            endpoint_id=endpoint.endpoint_id, partner_id=acme.partner.pk, status="enabled",
            actor="test",
        )  # fmt: skip

        send_due()
        warn_of_failing_endpoints()

    assert state_of(endpoint) == ("failing", 5)
    assert endpoint.failing_since is not None
    assert endpoint.failing_since > enabled_at
