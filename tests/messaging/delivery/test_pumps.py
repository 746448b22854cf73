"""Pumps beside each other, killed ones, and those that lose their database."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import uvloop
from django.conf import LazySettings
from django.conf import settings as django_settings
from django.db import connection
from django.db.models.functions import Now

from openplatform.core.outgoing.async_client import AsyncAnswer, AsyncClient
from openplatform.messaging.delivery import pump, statements
from openplatform.messaging.delivery.pump import Pump, run
from openplatform.messaging.models import WebhookDelivery, WebhookEndpoint
from tests.cast import Merchant, make_merchant
from tests.messaging.delivery.receivers import OK, Answer, Received, receiving
from tests.messaging.delivery.sending import (
    attempts_of,
    deliveries_of,
    register,
    send_due,
    tell_all,
    with_pump,
)

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS = 30
HALF_A_MINUTE = timedelta(seconds=30)


def database_url() -> str:
    """The address of the tests' own database."""
    server = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(server._replace(path=f"/{connection.settings_dict['NAME']}"))


class Signing:
    """The client, with the pump's name on every request."""

    def __init__(self, client: AsyncClient, name: str) -> None:
        self.client, self.name = client, name

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> AsyncAnswer:
        return await self.client.post(url, headers={**headers, "X-Pump": self.name}, body=body)


def test_endpoints_are_shared_and_each_has_one_sender_when_two_pumps_work() -> None:
    merchants = [make_merchant(f"merchant-{number}") for number in range(6)]
    senders_at_once: list[set[str]] = []

    with receiving() as receiver:

        def note(received: Received) -> Answer:
            path = received.path
            senders_at_once.append(
                {one.headers["x-pump"] for one in list(receiver.under_way) if one.path == path}
            )
            return OK

        receiver.answer = note
        endpoints = [
            register(merchant, f"{receiver.url}/{number}")
            for number, merchant in enumerate(merchants)
        ]
        for merchant in merchants:
            tell_all(merchant, *["order:1", "order:2", "order:3"] * 5)

        async def work() -> None:
            async with AsyncClient(timeout=5.0, private_hosts=["127.0.0.1"]) as client:
                pumps = [Pump(Signing(client, name)) for name in ("a", "b")]
                # Each takes what the other one leaves.
                await asyncio.gather(*(pump.drain() for pump in pumps))
                for pump in pumps:
                    await pump.stop()
                for pump in pumps:
                    await pump.close()

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work())
        send_due()

    assert all(len(senders) == 1 for senders in senders_at_once)
    assert len(receiver.received) == 6 * 15
    for number, endpoint in enumerate(endpoints):
        assert {status for _s, status, _t, _a in deliveries_of(endpoint)} == {"delivered"}
        seen = [one.sequence for one in receiver.received if one.path.endswith(f"/{number}")]
        for subject in range(3):
            own = [sequence for sequence in seen if sequence % 3 == subject]
            assert own == sorted(own)


def test_all_endpoints_are_sent_to_when_more_have_work_than_one_exchange_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(statements, "AT_ONCE", 2)
    merchants = [make_merchant(f"merchant-{number}") for number in range(7)]
    with receiving() as receiver:
        for merchant in merchants:
            register(merchant, receiver)
            tell_all(merchant, "order:1", "order:2")

        send_due()

    assert sorted(receiver.sequences) == [1] * 7 + [2] * 7


def test_endpoint_is_left_to_its_sender_when_another_pump_looks(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        tell_all(acme, "order:1")
        WebhookEndpoint.objects.update(lease_holder="other", leased_until=Now() + HALF_A_MINUTE)
        send_due()
        assert receiver.received == []

        WebhookEndpoint.objects.update(leased_until=Now())
        send_due()

    assert receiver.sequences == [1]
    assert deliveries_of(endpoint) == [(1, "delivered", 1, 1)]


def test_result_is_kept_and_changes_nothing_when_the_lease_was_lost(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver)

        def lose(_received: Received) -> Answer:
            WebhookEndpoint.objects.update(lease_holder="other", leased_until=Now() + HALF_A_MINUTE)
            connection.close()
            return Answer(500)

        receiver.answer = lose
        tell_all(acme, "order:1")
        send_due()

    endpoint.refresh_from_db()
    assert (endpoint.lease_holder, endpoint.failures) == ("other", 0)
    assert [one.status_code for one in attempts_of(endpoint)] == [500]
    assert deliveries_of(endpoint) == [(1, "pending", 0, 1)]


def test_message_is_not_sent_twice_when_it_was_taken_after_the_lease_was_lost(
    acme: Merchant,
) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver)

        def lose(_received: Received) -> Answer:
            WebhookEndpoint.objects.update(lease_holder="other", leased_until=Now() + HALF_A_MINUTE)
            connection.close()
            return OK

        receiver.answer = lose
        tell_all(acme, "order:1")
        send_due()
        WebhookEndpoint.objects.update(leased_until=Now())
        send_due()

    assert receiver.sequences == [1]
    assert deliveries_of(endpoint) == [(1, "delivered", 1, 1)]


def test_message_goes_again_with_the_same_id_when_its_pump_was_killed(acme: Merchant) -> None:
    released = threading.Event()
    with receiving() as receiver:
        endpoint = register(acme, receiver)

        def hang(_received: Received) -> Answer:
            assert released.wait(PATIENCE_SECONDS)
            return OK

        receiver.answer = hang
        tell_all(acme, "order:1")
        program = (
            "import django, threading; django.setup();"
            "from openplatform.messaging.delivery.pump import run;"
            "run(threading.Event(), lambda: None)"
        )
        pump = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=django_settings.BASE_DIR,
            env={
                **os.environ, "DATABASE_URL": database_url(), "WEBHOOK_PRIVATE_HOSTS": "127.0.0.1",
            },
        )  # fmt: skip
        receiver.wait_for(1)
        pump.send_signal(signal.SIGKILL)
        pump.wait(PATIENCE_SECONDS)
        released.set()
        assert deliveries_of(endpoint) == [(1, "pending", 0, 1)]

        receiver.answer = lambda _received: OK
        WebhookEndpoint.objects.update(leased_until=Now())  # half a minute goes by
        send_due()

    assert receiver.sequences == [1, 1]
    assert len({one.message_id for one in receiver.received}) == 1
    assert deliveries_of(endpoint) == [(1, "delivered", 1, 2)]


def test_requests_under_way_are_finished_when_the_pump_is_told_to_stop(acme: Merchant) -> None:
    stopping, released = threading.Event(), threading.Event()
    beats: list[None] = []
    with receiving() as receiver:
        endpoint = register(acme, receiver)

        def wait(_received: Received) -> Answer:
            stopping.set()
            assert released.wait(PATIENCE_SECONDS)
            return OK

        receiver.answer = wait
        tell_all(acme, "order:1", "order:1")
        working = threading.Thread(target=run, args=(stopping, lambda: beats.append(None)))
        working.start()
        receiver.wait_for(1)
        assert stopping.wait(PATIENCE_SECONDS)
        released.set()
        working.join(PATIENCE_SECONDS)

    assert not working.is_alive()
    assert beats
    assert receiver.sequences == [1]
    assert deliveries_of(endpoint) == [(1, "delivered", 1, 1), (2, "pending", 0, 0)]
    endpoint.refresh_from_db()
    assert endpoint.lease_holder == ""


def test_message_is_sent_at_once_when_it_comes_while_the_pump_runs(acme: Merchant) -> None:
    stopping = threading.Event()
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        working = threading.Thread(target=run, args=(stopping, lambda: None))
        working.start()
        try:
            for count in range(1, 4):
                tell_all(acme, "order:1")
                receiver.wait_for(count)
        finally:
            stopping.set()
            working.join(PATIENCE_SECONDS)

    assert receiver.sequences == [1, 2, 3]
    assert {status for _s, status, _t, _a in deliveries_of(endpoint)} == {"delivered"}


def test_pump_goes_on_when_the_database_was_lost(acme: Merchant) -> None:
    with receiving() as receiver:
        endpoint = register(acme, receiver)
        broken = threading.Event()

        def break_connections(_received: Received) -> Answer:
            if not broken.is_set():
                broken.set()
                with psycopg.connect(database_url()) as own:
                    own.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                        " AND query LIKE '%messaging_webhook%'"
                    )
            return OK

        tell_all(acme, "order:1", "order:1", "order:1")
        connection.close()  # the test's own goes as well
        receiver.answer = break_connections
        send_due()

    assert broken.is_set()
    assert sorted(set(receiver.sequences)) == [1, 2, 3]
    assert [(s, status) for s, status, _t, _a in deliveries_of(endpoint)] == [
        (1, "delivered"),
        (2, "delivered"),
        (3, "delivered"),
    ]
    assert len(attempts_of(endpoint)) == len(receiver.received)


def test_pump_gives_no_sign_of_life_when_the_database_refuses_what_it_asks(
    acme: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pump, "PAUSE_AFTER_FAULT", 0.0)
    stopping = threading.Event()
    beats: list[int] = []
    with receiving() as receiver, psycopg.connect(database_url()) as other:
        register(acme, receiver)
        tell_all(acme, "order:1")

        async def work(pump: Pump) -> None:
            other.execute("SET idle_in_transaction_session_timeout = 0")
            other.execute("LOCK TABLE messaging_webhookendpoint IN ACCESS EXCLUSIVE MODE")
            assert await pump.turn()  # for as long as a lock is waited for
            assert pump.is_refused
            running = asyncio.create_task(pump.run(stopping, lambda: beats.append(1)))
            await asyncio.sleep(0)
            assert beats == []
            other.rollback()
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not beats:
                    await asyncio.sleep(0.01)
            stopping.set()
            await running

        with_pump(work)


def test_others_are_sent_to_when_a_receiver_hangs(acme: Merchant, settings: LazySettings) -> None:
    other = make_merchant("other")
    released = threading.Event()
    with receiving() as hanging, receiving() as quick:

        def hang(_received: Received) -> Answer:
            assert released.wait(PATIENCE_SECONDS)
            return OK

        hanging.answer = hang
        stuck = register(acme, hanging)
        register(other, quick)
        tell_all(acme, *[f"order:{number}" for number in range(30)])
        tell_all(other, *[f"order:{number}" for number in range(30)])

        async def work(pump: Pump) -> None:
            while len(quick.received) < 30:
                if not await pump.turn():
                    await asyncio.sleep(0.005)
            # It has all of its requests, and none of them came back yet.
            while len(hanging.received) < settings.WEBHOOK_IN_FLIGHT:
                await asyncio.sleep(0.005)
            assert len(hanging.received) == settings.WEBHOOK_IN_FLIGHT
            released.set()

        with_pump(work)
        send_due()

    assert sorted(quick.sequences) == list(range(1, 31))
    assert hanging.most == settings.WEBHOOK_IN_FLIGHT
    assert WebhookDelivery.objects.exclude(status="delivered").count() == 0
    assert len(deliveries_of(stuck)) == 30
