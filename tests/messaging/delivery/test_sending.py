from __future__ import annotations

from datetime import timedelta
from threading import Event

import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from openplatform.core import clock
from openplatform.messaging.delivery.lanes import WINDOW
from openplatform.messaging.delivery.pump import NOT_KEPT
from openplatform.messaging.models import (
    Message,
    MessageCursor,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from tests.cast import Merchant, make_merchant
from tests.messaging.delivery.receivers import OK, Answer, Received, failing, receiving
from tests.messaging.delivery.sending import (
    attempts_of,
    deliveries_of,
    register,
    send_due,
    state_of,
    tell_all,
)

pytestmark = pytest.mark.django_db(transaction=True)


def fill_log(merchant: Merchant, *, count: int) -> None:
    """So many messages on seven subjects."""
    Message.objects.bulk_create(
        Message(
            message_id=f"msg_{sequence}", partner=merchant.partner, sequence=sequence,
            type="order.created", subject=f"order:{sequence % 7}", data={}, created_at=clock.now(),
        )
        for sequence in range(1, count + 1)
    )  # fmt: skip
    MessageCursor.objects.create(partner=merchant.partner, last_sequence=count)


def test_messages_are_delivered_in_order_when_the_receiver_takes_them(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        tell_all(acme, "order:1", "order:1", "order:1")

        send_due()

    assert receiver.sequences == [1, 2, 3]
    assert deliveries_of(endpoint) == [
        (1, "delivered", 1, 1),
        (2, "delivered", 1, 1),
        (3, "delivered", 1, 1),
    ]
    assert state_of(endpoint) == ("enabled", 0)
    assert endpoint.taken_sequence == 3
    assert endpoint.lease_holder == ""


def test_only_the_types_chosen_are_sent_when_an_endpoint_chose_some(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver, types=("order.cancelled",))
        tell_all(acme, "order:1", "order:2")
        tell_all(acme, "order:1", type="order.cancelled")
        tell_all(acme, "order:2")

        send_due()

    assert receiver.sequences == [3]
    endpoint.refresh_from_db()
    assert endpoint.taken_sequence == 4


def test_each_endpoint_has_its_own_when_a_partner_has_several(acme: Merchant) -> None:
    other = make_merchant("other")
    with receiving() as first, receiving() as second, receiving() as foreign:
        register(acme, first)
        tell_all(acme, "order:1")
        register(acme, second)
        register(other, foreign)
        tell_all(acme, "order:1")

        send_due()

    assert first.sequences == [1, 2]
    assert second.sequences == [2]
    assert foreign.sequences == []


def test_message_is_set_aside_when_it_fails_alone(acme: Merchant, settings: LazySettings) -> None:
    settings.WEBHOOK_WAITS = [0.0, 0.0, 0.0]

    def refuse_first(received: Received) -> Answer:
        return Answer(422, b"poison") if received.sequence == 1 else OK

    with receiving() as receiver:
        endpoint = register(acme, receiver)
        receiver.answer = refuse_first
        tell_all(acme, "order:1", "order:2", "order:1", "order:3")

        send_due()

    assert deliveries_of(endpoint) == [
        (1, "set_aside", 3, 3),
        (2, "delivered", 1, 1),
        (3, "delivered", 1, 1),
        (4, "delivered", 1, 1),
    ]
    assert state_of(endpoint) == ("enabled", 0)
    refused = [one for one in attempts_of(endpoint) if one.status_code == 422]
    assert [(one.number, one.answer, one.error) for one in refused] == [
        (1, "poison", ""),
        (2, "poison", ""),
        (3, "poison", ""),
    ]
    assert [one.next_attempt_at is None for one in refused] == [False, False, True]


def test_later_message_waits_when_an_earlier_one_of_its_subject_is_due_soon(
    acme: Merchant, settings: LazySettings
) -> None:
    settings.WEBHOOK_WAITS = [0.0, 50.0, 100.0]

    def refuse_first(received: Received) -> Answer:
        return Answer(500) if received.sequence == 1 else OK

    with receiving() as receiver:
        endpoint = register(acme, receiver)
        receiver.answer = refuse_first
        tell_all(acme, "order:1", "order:1", "order:2")
        send_due()
        assert sorted(receiver.sequences) == [1, 3]

        # The second try fails, too: the third is over 60 seconds away, so it is overtaken.
        WebhookDelivery.objects.filter(sequence=1).update(next_attempt_at=Now())
        send_due()

    assert receiver.sequences[2:] == [1, 2]
    assert deliveries_of(endpoint) == [
        (1, "pending", 2, 2),
        (2, "delivered", 1, 1),
        (3, "delivered", 1, 1),
    ]


def test_next_try_and_the_endpoint_wait_when_the_receiver_says_how_long(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        receiver.answer = failing(429, Retry_After="600")
        tell_all(acme, "order:1")
        send_due()
        receiver.answer = lambda _received: OK
        tell_all(acme, "order:2")
        send_due()

    assert receiver.sequences == [1]
    endpoint.refresh_from_db()
    [attempt] = attempts_of(endpoint)
    delivery = WebhookDelivery.objects.get(sequence=1)
    for moment in (endpoint.paused_until, attempt.next_attempt_at, delivery.next_attempt_at):
        assert moment is not None
        assert moment - attempt.started_at > timedelta(seconds=599)
        assert moment - attempt.started_at < timedelta(seconds=700)


def test_endpoint_waits_as_asked_when_a_request_begun_before_is_taken(
    acme: Merchant, settings: LazySettings
) -> None:
    settings.WEBHOOK_IN_FLIGHT = 2
    with receiving() as receiver:
        endpoint = register(acme, receiver)

        def refuse_the_first(received: Received) -> Answer:
            if received.sequence == 1:
                return Answer(429, headers={"Retry-After": "600"})
            for _look in range(500):
                if WebhookAttempt.objects.exists():
                    break
                Event().wait(0.02)
            connection.close()  # of the receiver's thread
            return OK

        receiver.answer = refuse_the_first
        tell_all(acme, "order:1", "order:2", "order:3")
        send_due()

    assert sorted(receiver.sequences) == [1, 2]
    assert state_of(endpoint) == ("enabled", 0)
    assert endpoint.paused_until is not None
    assert endpoint.paused_until - endpoint.created_at > timedelta(seconds=599)


def test_message_is_set_aside_when_it_is_no_longer_kept(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        receiver.answer = failing(500)
        tell_all(acme, "order:1", "order:2")
        send_due()
        receiver.answer = lambda _received: OK
        Message.objects.filter(sequence=1).delete()
        WebhookDelivery.objects.update(next_attempt_at=F("created_at"))

        send_due()

    assert receiver.sequences[2:] == [2]
    assert [(status, attempts) for _s, status, _t, attempts in deliveries_of(endpoint)] == [
        ("set_aside", 2),
        ("delivered", 2),
    ]
    assert NOT_KEPT in [one.error for one in attempts_of(endpoint)]


def test_long_log_is_taken_piece_by_piece_when_it_is_longer_than_the_window(
    acme: Merchant,
) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        fill_log(acme, count=501)

        send_due()

    assert sorted(receiver.sequences) == list(range(1, 502))
    by_subject: dict[int, list[int]] = {}
    for sequence in receiver.sequences:
        by_subject.setdefault(sequence % 7, []).append(sequence)
    assert all(seen == sorted(seen) for seen in by_subject.values())
    assert {status for _s, status, _t, _a in deliveries_of(endpoint)} == {"delivered"}


def test_requests_to_one_endpoint_are_few_at_once_when_many_wait(acme: Merchant) -> None:
    all_are_there = Event()
    with receiving() as receiver:
        register(acme, receiver)

        def wait_for_four(_received: Received) -> Answer:
            if len(receiver.received) >= 4:
                all_are_there.set()
            assert all_are_there.wait(10)
            return OK

        receiver.answer = wait_for_four
        tell_all(acme, *[f"order:{number}" for number in range(20)])

        send_due()

    assert receiver.most == 4
    assert len(receiver.received) == 20


def test_log_goes_on_when_the_window_is_full_of_what_an_earlier_pump_left(acme: Merchant) -> None:
    """As after a worker was killed: all that it had taken from the log is still to be sent."""
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        fill_log(acme, count=230)
        WebhookDelivery.objects.bulk_create(
            WebhookDelivery(
                endpoint=endpoint, message_id=f"msg_{sequence}", sequence=sequence,
                type="order.created", subject=f"order:{sequence % 7}",
                next_attempt_at=clock.now(),
            )
            for sequence in range(1, WINDOW + 1)
        )  # fmt: skip
        WebhookEndpoint.objects.update(taken_sequence=WINDOW)

        send_due()

    assert sorted(receiver.sequences) == list(range(1, 231))


def test_all_goes_at_once_when_more_is_due_than_the_window_holds(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        fill_log(acme, count=530)
        WebhookDelivery.objects.bulk_create(
            WebhookDelivery(
                endpoint=endpoint, message_id=f"msg_{sequence}", sequence=sequence,
                type="order.created", subject=f"order:{sequence % 7}",
                next_attempt_at=clock.now(),
            )
            for sequence in range(1, 511)
        )  # fmt: skip
        WebhookEndpoint.objects.update(taken_sequence=510)

        send_due()

    assert sorted(receiver.sequences) == list(range(1, 531))
