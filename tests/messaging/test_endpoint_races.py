"""Webhook endpoints that several change at once, while messages are sent to them."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection, transaction

from openplatform.core import clock
from openplatform.core.errors import DomainError
from openplatform.core.wakeups import MESSAGES, Listener
from openplatform.messaging.models import WebhookDelivery, WebhookEndpoint
from openplatform.messaging.services import endpoints
from openplatform.messaging.services.endpoints import (
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    rotate_secret,
    secrets_of,
)
from openplatform.messaging.services.resending import replay, resend
from tests.cast import Merchant
from tests.messaging.hooks import (
    URL,
    fail,
    make_endpoint,
    settle,
    take,
    tell_orders,
)
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS = 20


def create(merchant: Merchant) -> Any:
    return create_endpoint(
        partner_id=merchant.partner.pk, url=URL, types=[], description="", headers={}, actor="test"
    )


def codes(results: list[Any]) -> list[str]:
    """Of what was refused; nothing else may have been raised."""
    errors = [result for result in results if isinstance(result, BaseException)]
    assert all(isinstance(error, DomainError) for error in errors), errors
    return [error.code for error in errors if isinstance(error, DomainError)]


def named(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "endpoint_id": endpoint.endpoint_id, "partner_id": endpoint.partner_id, "actor": "test",
    }  # fmt: skip


def test_partner_has_twenty_when_more_are_added_at_once(merchant: Merchant) -> None:
    for _ in range(17):
        make_endpoint(merchant)

    results = race(*[lambda: create(merchant)] * 8)

    assert codes(results) == ["too_many_items"] * 5
    assert WebhookEndpoint.objects.count() == 20


def test_partner_has_more_when_the_partner_is_not_locked(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counterpart of the test above: what the lock is for."""
    for _ in range(17):
        make_endpoint(merchant)
    monkeypatch.setattr(endpoints, "LOCK_PARTNER", "SELECT id FROM accounts_partner WHERE id = %s")
    head_of = endpoints._head_of

    def take_your_time(partner_id: int) -> int:
        time.sleep(0.5)  # between counting and writing
        return head_of(partner_id)

    monkeypatch.setattr(endpoints, "_head_of", take_your_time)

    results = race(*[lambda: create(merchant)] * 5)

    assert codes(results) == []
    assert WebhookEndpoint.objects.count() == 22


def test_last_two_secrets_sign_when_several_rotate_at_once(merchant: Merchant) -> None:
    endpoint = make_endpoint(merchant)

    results: list[Any] = race(*[lambda: rotate_secret(**named(endpoint))] * 4)

    assert codes(results) == []
    shown = {secret for _endpoint, secret in results}
    endpoint.refresh_from_db()
    signing = secrets_of(endpoint, clock.now())
    assert len(shown) == 4
    assert len(set(signing)) == 2
    assert set(signing) <= shown


def test_deleted_endpoint_stays_so_when_others_change_it_at_once(merchant: Merchant) -> None:
    for _ in range(3):
        endpoint = make_endpoint(merchant)

        results = race(
            lambda: delete_endpoint(**named(endpoint)),  # noqa: B023 - runs within the turn
            lambda: change_endpoint(**named(endpoint), status="enabled", headers={"X": "1"}),  # noqa: B023
            lambda: rotate_secret(**named(endpoint)),  # noqa: B023
            lambda: delete_endpoint(**named(endpoint)),  # noqa: B023
        )

        endpoint.refresh_from_db()
        assert set(codes(results)) == {"not_found"}
        assert sum(isinstance(one, DomainError) for one in (results[0], results[3])) == 1
        assert (endpoint.status, endpoint.deleted_at is None) == ("disabled", False)
        sealed = (endpoint.secret, endpoint.old_secret, endpoint.headers)
        assert [bytes(one) for one in sealed] == [b""] * 3


def test_sequence_goes_back_to_the_lowest_when_several_replay_at_once(merchant: Merchant) -> None:
    endpoint = make_endpoint(merchant)
    tell_orders(merchant, 6)
    for delivery in take(endpoint):
        settle(delivery)

    results: list[Any] = race(
        *[
            lambda after=after: replay(**named(endpoint), after_sequence=after)
            for after in (4, 1, 3, 5)
        ]
    )

    endpoint.refresh_from_db()
    assert codes(results) == []
    assert endpoint.taken_sequence == 1
    assert sum(results) == 5  # each message once, whoever came first


def enable(endpoint: WebhookEndpoint) -> None:
    change_endpoint(**named(endpoint), status="enabled")


def delete(endpoint: WebhookEndpoint) -> None:
    delete_endpoint(**named(endpoint))


def resend_second(endpoint: WebhookEndpoint) -> None:
    message_id = endpoint.deliveries.get(sequence=2).message_id
    resend(**named(endpoint), message_id=message_id)


@pytest.mark.parametrize("act", [enable, delete, resend_second])
def test_nobody_waits_for_results_that_are_being_written(
    merchant: Merchant, act: Callable[[WebhookEndpoint], None]
) -> None:
    """Who sends writes deliveries first and the endpoint then; whoever changes it locks it first.

    Were the deliveries waited for, each would wait for the other.
    """
    endpoint = make_endpoint(merchant)
    tell_orders(merchant, 2)
    first, second = take(endpoint)
    fail(endpoint, endpoint.created_at)
    is_written, may_go_on = Event(), Event()
    faults: list[BaseException] = []

    def write_results() -> None:
        try:
            with transaction.atomic():
                WebhookDelivery.objects.filter(pk=first.pk).update(status="delivered")
                is_written.set()
                may_go_on.wait(PATIENCE_SECONDS)
                WebhookEndpoint.objects.filter(pk=endpoint.pk).update(lease_holder="pump")
        except BaseException as error:
            faults.append(error)
        finally:
            connection.close()

    sender = Thread(target=write_results)
    sender.start()
    assert is_written.wait(PATIENCE_SECONDS)
    began = time.monotonic()
    act(endpoint)
    took = time.monotonic() - began
    may_go_on.set()
    sender.join(PATIENCE_SECONDS)

    assert faults == []
    assert took < 1.5  # a wait for a lock ends after two seconds at the earliest
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.status == "delivered"
    assert second.status == ("set_aside" if act is delete else "pending")


@pytest.mark.parametrize(
    "act",
    [enable, resend_second, lambda one: replay(**named(one), after_sequence=0)],
    ids=["enable", "resend", "replay"],
)
def test_who_sends_is_woken_when_there_is_something_to_send(
    merchant: Merchant, act: Callable[[WebhookEndpoint], None]
) -> None:
    endpoint = make_endpoint(merchant)
    tell_orders(merchant, 2)
    take(endpoint)
    fail(endpoint, endpoint.created_at)
    with Listener(MESSAGES) as listener:
        while listener.wait(0.1):
            pass

        act(endpoint)

        assert listener.wait(5.0)


def test_row_of_the_endpoint_alone_is_locked_by_a_change(merchant: Merchant) -> None:
    """Orders and the sequencer, which hold the partner's key, go on meanwhile."""
    endpoint = make_endpoint(merchant)
    with transaction.atomic():
        endpoints.lock_endpoint(endpoint_id=endpoint.endpoint_id, partner_id=merchant.partner.pk)

        results = race(lambda: tell_orders(merchant, 1), lambda: create(merchant))

    assert codes(results) == []
