from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.db import connection

from openplatform.messaging.services.endpoints import (
    change_endpoint,
    delete_endpoint,
)
from openplatform.messaging.services.resending import replay, resend, send_test
from tests.cast import Merchant
from tests.messaging.delivery.receivers import OK, Answer, Received, failing, receiving
from tests.messaging.delivery.sending import (
    attempts_of,
    deliveries_of,
    message,
    register,
    send_due,
    sequence_all,
    tell_all,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_nothing_is_sent_when_the_endpoint_is_disabled(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        change_endpoint(
            endpoint_id=endpoint.endpoint_id, partner_id=acme.partner.pk, status="disabled",
            actor="test",
        )  # fmt: skip
        tell_all(acme, "order:1", "order:1")
        send_due()
        assert receiver.received == []
        assert deliveries_of(endpoint) == []

        change_endpoint(
            endpoint_id=endpoint.endpoint_id, partner_id=acme.partner.pk, status="enabled",
            actor="test",
        )  # fmt: skip
        send_due()

    assert sorted(receiver.sequences) == [1, 2, 3]  # the first tells that it was disabled


def test_nothing_more_is_sent_when_the_endpoint_is_disabled_meanwhile(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        tell_all(acme, *["order:1"] * 5)

        def disable(_received: Received) -> Answer:
            change_endpoint(
                endpoint_id=endpoint.endpoint_id, partner_id=acme.partner.pk, status="disabled",
                actor="test",
            )  # fmt: skip
            connection.close()  # of the receiver's thread
            return OK

        receiver.answer = disable
        send_due()

    assert receiver.sequences == [1]
    assert [status for _sequence, status, _tries, _attempts in deliveries_of(endpoint)] == [
        "delivered", "pending", "pending", "pending", "pending",
    ]  # fmt: skip


def test_nothing_is_sent_when_the_endpoint_was_deleted(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        tell_all(acme, "order:1")
        delete_endpoint(endpoint_id=endpoint.endpoint_id, partner_id=acme.partner.pk, actor="test")

        send_due()

    assert receiver.received == []


def test_messages_go_again_with_the_same_id_when_they_are_replayed(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        tell_all(acme, "order:1", "order:2", "order:1")
        send_due()

        replay(
            endpoint_id=endpoint.endpoint_id, partner_id=acme.partner.pk, after_sequence=1,
            actor="test",
        )  # fmt: skip
        send_due()

    assert sorted(receiver.sequences[3:]) == [2, 3]
    assert len({one.message_id for one in receiver.received}) == 3
    assert deliveries_of(endpoint) == [
        (1, "delivered", 1, 1),
        (2, "delivered", 1, 2),
        (3, "delivered", 1, 2),
    ]
    endpoint.refresh_from_db()
    assert endpoint.taken_sequence == 3


def test_test_message_goes_to_its_endpoint_alone_and_once_when_there_are_others(
    acme: Merchant,
) -> None:
    with receiving() as tested, receiving() as other:
        endpoint = register(acme, tested, types=("order.cancelled",))
        register(acme, other)
        send_test(endpoint_id=endpoint.endpoint_id, partner_id=acme.partner.pk, actor="test")
        sequence_all()
        send_due()
        replay(
            endpoint_id=endpoint.endpoint_id, partner_id=acme.partner.pk, after_sequence=0,
            actor="test",
        )  # fmt: skip
        send_due()

    assert [one.document["type"] for one in tested.received] == ["test.ping"]
    assert other.received == []


def test_message_set_aside_goes_once_more_when_it_is_asked_for(
    acme: Merchant, settings: LazySettings
) -> None:
    settings.WEBHOOK_WAITS = [0.0]
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        receiver.answer = failing(500)
        tell_all(acme, "order:1")
        send_due()
        assert deliveries_of(endpoint) == [(1, "set_aside", 1, 1)]

        receiver.answer = lambda _received: OK
        resend(
            endpoint_id=endpoint.endpoint_id, partner_id=acme.partner.pk,
            message_id=message(1, acme).message_id, actor="test",
        )  # fmt: skip
        send_due()

    assert receiver.sequences == [1, 1]
    assert deliveries_of(endpoint) == [(1, "delivered", 1, 2)]


def test_message_goes_again_when_it_is_asked_for_during_its_last_try(
    acme: Merchant, settings: LazySettings
) -> None:
    settings.WEBHOOK_WAITS = [0.0]
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        tell_all(acme, "order:1")

        def refuse_the_first(received: Received) -> Answer:
            if len(receiver.received) > 1:
                return OK
            resend(
                endpoint_id=endpoint.endpoint_id, partner_id=acme.partner.pk,
                message_id=received.message_id, actor="test",
            )  # fmt: skip
            connection.close()  # of the receiver's thread
            return Answer(500)

        receiver.answer = refuse_the_first
        send_due()

    assert receiver.sequences == [1, 1]
    assert deliveries_of(endpoint) == [(1, "delivered", 1, 2)]
    assert [one.status_code for one in attempts_of(endpoint)] == [500, 204]
