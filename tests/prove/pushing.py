"""What pushing is proved with: workers that may be killed, and receivers that keep a ledger."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from openplatform.core.locking import transactional
from openplatform.messaging.events.schemas import example_data
from openplatform.messaging.models import MessageCursor, Outbox, WebhookDelivery, WebhookEndpoint
from openplatform.messaging.services.endpoints import create_endpoint
from openplatform.messaging.services.publishing import Draft, publish_all
from tests.bench.processes import command_of
from tests.bench.receiver import Answer, Request
from tests.cast import Merchant
from tests.prove.platform import ROOT, children_of

TYPE = "order.created"
COMMAND_LENGTH = 15  # characters of a process's name that the system keeps
STARTS_WITHIN, STOP_WITHIN = 60, 30  # seconds
FICKLE_ATTEMPTS = 5
FAIL_RATE = 0.45
FAULTS = (Answer(500), Answer(503), Answer(404), Answer(None))
LONGEST_ANSWER = 0.02  # seconds


def environment_of_workers(directory: Path, **more: str) -> dict[str, str]:
    """What a process needs to work on the tests' own database."""
    server = urlsplit(os.environ["DATABASE_URL"])
    return {
        **os.environ,
        "DATABASE_URL": urlunsplit(server._replace(path=f"/{connection.settings_dict['NAME']}")),
        "DATA_DIR": str(directory),
        "SECRET_KEY": settings.SECRET_KEY,
        "WEBHOOK_PRIVATE_HOSTS": "127.0.0.1",
        "LOG_LEVEL": "WARNING",
        **more,
    }


class Workers:
    """Workers beside each other, as on several machines; they number and push messages."""

    PARTS = ("sequence messages", "deliver webhooks")

    def __init__(self, number: int, environment: Mapping[str, str], *parts: str) -> None:
        self._environment = environment
        self._log = (Path(environment["DATA_DIR"]) / "workers.log").open("ab")
        self._parts = parts or self.PARTS
        self._running: list[subprocess.Popen[bytes]] = []
        self._number = number

    def revive(self) -> None:
        """Start those that do not run."""
        self._running = [worker for worker in self._running if worker.poll() is None]
        while len(self._running) < self._number:
            arguments = [argument for part in self._parts for argument in ("--part", part)]
            self._running.append(
                subprocess.Popen(
                    [sys.executable, "manage.py", "worker", *arguments],
                    cwd=ROOT,
                    env=self._environment,
                    stdout=self._log,
                    stderr=self._log,
                    start_new_session=True,
                )
            )

    def kill(self, victim: str, dice: random.Random) -> None:
        """End a part of one worker at once, or its supervisor (``worker``), or ``all`` of it."""
        worker, parts = dice.choice(self._complete_ones())
        doomed = {
            "worker": [worker.pid],
            "all": [worker.pid, *parts.values()],
        }.get(victim) or [parts[victim[:COMMAND_LENGTH]]]
        for pid in doomed:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if worker.pid in doomed:
            worker.wait(STOP_WITHIN)

    def _complete_ones(self) -> list[tuple[subprocess.Popen[bytes], dict[str, int]]]:
        """Workers whose parts all run, and the parts; there is one soon, when there is none."""
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline:
            found = [
                (worker, {command_of(pid): pid for pid in children_of(worker.pid)})
                for worker in self._running
            ]
            wanted = {part[:COMMAND_LENGTH] for part in self._parts}
            if complete := [(worker, parts) for worker, parts in found if parts.keys() >= wanted]:
                return complete
            time.sleep(0.1)
        raise AssertionError("no worker comes up")

    def stop(self) -> None:
        """In order, or else at once."""
        for worker in self._running:
            worker.terminate()
        for worker in self._running:
            try:
                worker.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                worker.kill()  # its parts notice, and end too
                worker.wait()
        self._log.close()


@contextmanager
def workers(number: int, environment: Mapping[str, str], *parts: str) -> Iterator[Workers]:
    """Workers, for as long as the block lasts; with both parts unless some are named."""
    running = Workers(number, environment, *parts)
    with ExitStack() as stack:
        stack.callback(running.stop)
        running.revive()
        yield running


# Messages on subjects that count them: the k-th of a subject says so


def draft(merchant: Merchant, subject: str, count: int) -> Draft:
    """The message with which a merchant is told something of a subject for the ``count``-th time,
    from 0.
    """
    example = example_data(TYPE)  # everybody's
    order = {**example["order"], "order_no": subject, "merchant_order_no": str(count)}
    return Draft(TYPE, f"order:{subject}", {**example, "order": order}, [merchant.partner.pk])


def subject_and_count(document: Mapping[str, Any]) -> tuple[str, int] | None:
    """Of a message in the form in which it is told; None for what the platform adds by itself."""
    if document["type"] != TYPE:
        return None
    order = document["data"]["order"]
    return order["order_no"], int(order["merchant_order_no"])


def tell_in_bits(
    merchants: list[Merchant],
    *,
    each: int,
    subjects: int,
    dice: random.Random,
    rest: Callable[[], None],
) -> None:
    """To every merchant so many messages, in transactions of a few; ``rest`` is between two."""
    counts: dict[tuple[str, str], Iterator[int]] = defaultdict(itertools.count)
    left = Counter({merchant.partner.code: each for merchant in merchants})
    tell = transactional(publish_all)
    while open_to := [merchant for merchant in merchants if left[merchant.partner.code]]:
        merchant = dice.choice(open_to)
        code = merchant.partner.code
        number = min(dice.randint(1, 8), left[code])
        names = [f"S{dice.randrange(subjects)}" for _ in range(number)]
        tell([draft(merchant, name, next(counts[code, name])) for name in names])
        left[code] -= number
        rest()


# Receivers


class Ledger:
    """Receivers that fail now and then, and write down what came.

    An attempt to give a message to an endpoint fails with FAIL_RATE, up to the fifth. ``faults``
    are what must never happen: a signature that does not hold, one message in two forms, one that
    comes before an earlier one of its subject was taken.
    """

    def __init__(self, dice: random.Random) -> None:
        self.faults: list[str] = []
        self.taken: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)  # by path and id
        self.attempts: Counter[tuple[str, str]] = Counter()
        self.repeats = 0  # of what was taken
        self._dice = dice
        self._keys: dict[str, Webhook] = {}
        self._bodies: dict[tuple[str, str], bytes] = {}
        self._told: Counter[tuple[str, str]] = Counter()  # taken, by path and subject

    def add(self, merchant: Merchant, url: str) -> WebhookEndpoint:
        """An endpoint of this merchant's, for everything."""
        path = f"/{merchant.partner.code}"
        endpoint, secret = create_endpoint(
            partner_id=merchant.partner.pk, url=f"{url}{path}", types=(), description="",
            headers={}, actor="test",
        )  # fmt: skip
        self._keys[path] = Webhook(secret)
        return endpoint

    def decide(self, request: Request) -> Answer:
        """The answer to one request."""
        path, message_id = request.path, request.message_id
        try:
            document = self._keys[path].verify(request.body, dict(request.headers))
        except WebhookVerificationError as error:
            self.faults.append(f"{path} {message_id}: {error}")
            return Answer(500)
        if self._bodies.setdefault((path, message_id), request.body) != request.body:
            self.faults.append(f"{path} {message_id}: another body than before")
        self._look_at_order(path, message_id, document)
        self.attempts[path, message_id] += 1
        after = self._dice.uniform(0, LONGEST_ANSWER)
        is_fickle = self.attempts[path, message_id] <= FICKLE_ATTEMPTS
        if is_fickle and self._dice.random() < FAIL_RATE:
            return self._dice.choice(FAULTS)._replace(after=after)
        if message_id in self.taken[path]:
            self.repeats += 1
        elif (told := subject_and_count(document)) is not None:
            self._told[path, told[0]] += 1
        self.taken[path][message_id] = document
        return Answer(204, after)

    def _look_at_order(self, path: str, message_id: str, document: dict[str, Any]) -> None:
        told = subject_and_count(document)
        if told is None or message_id in self.taken[path]:
            return
        subject, count = told
        if count != self._told[path, subject]:
            self.faults.append(
                f"{path} {message_id}: message {count} of {subject} came when"
                f" {self._told[path, subject]} were taken"
            )


# What is there in the end


def is_all_pushed() -> bool:
    """Whether there is nothing left to number, to take from the log, or to send."""
    if Outbox.objects.exists() or WebhookDelivery.objects.filter(status="pending").exists():
        return False
    heads = dict(MessageCursor.objects.values_list("partner_id", "last_sequence"))
    return all(
        endpoint.taken_sequence == heads.get(endpoint.partner_id, 0)
        for endpoint in WebhookEndpoint.objects.all()
    )


def read_feed(merchant: Merchant) -> list[dict[str, Any]]:
    """All of a merchant's messages, by the API."""
    documents: list[dict[str, Any]] = []
    while page := read_page(merchant, after=documents[-1]["sequence"] if documents else 0):
        documents += page
    return documents


def read_page(merchant: Merchant, *, after: int) -> list[dict[str, Any]]:
    """The next hundred. Not held against the OpenAPI document, which takes longer than reading."""
    response = merchant.api.client.get(
        "/api/v1/messages", {"after": after, "limit": 100}, headers=merchant.api.headers
    )
    assert response.status_code == 200, response.content
    return json.loads(response.content)["results"]  # type: ignore[no-any-return]


def assert_feed_and_pushes_agree(merchant: Merchant, ledger: Ledger, *, each: int) -> None:
    """The feed has no gaps, every message once, subjects in order; and it is what was pushed."""
    feed = read_feed(merchant)
    assert [document["sequence"] for document in feed] == list(range(1, len(feed) + 1))
    told = [one for document in feed if (one := subject_and_count(document)) is not None]
    assert len(told) == each
    counts: Counter[str] = Counter()
    for subject, count in told:
        assert count == counts[subject]
        counts[subject] += 1
    by_id = {document["id"]: document for document in feed}
    assert len(by_id) == len(feed)
    assert ledger.taken[f"/{merchant.partner.code}"] == by_id
