"""What the pump asks of the database, many endpoints at a time.

One exchange is one round trip, and one transaction of the server's. Nothing of it is lost with the
connection that a lease would not bring back; so it does not wait for the disk, except when an
endpoint's status changes and somebody is told.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
from django.db import connection

from openplatform.core.json_text import to_json
from openplatform.core.locking import transactional
from openplatform.core.statements import Sent, send, together
from openplatform.messaging.delivery import statements
from openplatform.messaging.delivery.lanes import Turn, Waiting
from openplatform.messaging.delivery.letters import Letter
from openplatform.messaging.delivery.warnings import tell_of
from openplatform.messaging.messages import ENDPOINT_DISABLED, ENDPOINT_FAILING
from openplatform.messaging.models import WebhookEndpoint

Status = WebhookEndpoint.Status


@dataclass(slots=True)
class Orders:
    """What is to be written and asked."""

    results: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    release: list[int] = field(default_factory=list)
    renew: list[int] = field(default_factory=list)
    reread: list[int] = field(default_factory=list)
    load: list[int] = field(default_factory=list)
    fill: list[tuple[int, int]] = field(default_factory=list)  # endpoint, room
    begin: list[int] = field(default_factory=list)
    lease: int = 0  # endpoints at most, and none of those that are
    held: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(
            self.results or self.failures or self.turns or self.release or self.renew
            or self.reread or self.load or self.fill or self.begin or self.lease
        )  # fmt: skip


class Leased(NamedTuple):
    """An endpoint that is ours from now on; see ``Lane``."""

    endpoint: WebhookEndpoint
    pause: float
    last: tuple[int | None, int]


class Filled(NamedTuple):
    """What was taken from the log for an endpoint."""

    has_more: bool
    deliveries: list[Waiting]


class Begun(NamedTuple):
    """An attempt that was counted, and its message; None when it is not kept any more."""

    number: int
    message: Letter | None


@dataclass(slots=True)
class News:
    """What the database answered. Of what was asked, what is not here is not ours."""

    leased: list[Leased] = field(default_factory=list)
    renewed: set[int] = field(default_factory=set)
    reread: dict[int, tuple[WebhookEndpoint, float]] = field(default_factory=dict)
    loaded: dict[int, tuple[int, list[Waiting]]] = field(default_factory=dict)
    wanted: dict[int, list[Waiting]] = field(default_factory=dict)
    filled: dict[int, Filled] = field(default_factory=dict)
    begun: dict[int, Begun] = field(default_factory=dict)


class Store:
    """For one thread, on Django's connection of that thread.

    :param holder: who holds the leases; nobody else has this name.
    :param lease: seconds.
    :param needed: seconds that a lease has to last when an attempt begins.
    """

    def __init__(self, holder: str, *, lease: float, needed: float) -> None:
        self._asked: dict[str, Any] = {"holder": holder, "lease": lease, "needed": needed}
        self._prepared: Any = None

    def exchange(self, orders: Orders) -> News:
        """Write results first, then ask. Endpoints that are new are filled and read at once.

        :raises Error: of the database. What was asked may have been done or not.
        """
        self._prepare()
        if orders.turns:
            self._write_turns(orders)
        news = News()
        with together():
            if not orders.turns:
                self._write(orders)
            renewed = self._send(statements.RENEW, bool(orders.renew), ids=orders.renew)
            reread = self._send(statements.REREAD, bool(orders.reread), ids=orders.reread)
            wanted = self._send(statements.LOAD_WANTED, bool(orders.reread), ids=orders.reread)
            leased = self._send(
                statements.LEASE, bool(orders.lease), most=orders.lease, held=orders.held
            )
            filled = self._fill(orders)
            loaded = self._send(statements.LOAD, bool(orders.load), ids=orders.load)
            loaded_new = self._send(statements.LOAD_NEW, bool(orders.lease), held=orders.held)
            begun = self._send(statements.BEGIN, bool(orders.begin), ids=orders.begin)
            self._send(statements.RELEASE, bool(orders.release), ids=orders.release)
        now = time.monotonic()
        news.renewed = {row[0] for row in _rows(renewed)}
        news.reread = {row[0]: (_endpoint(row), row[-1]) for row in _rows(reread)}
        for row in _rows(wanted):
            news.wanted.setdefault(row[0], []).append(_waiting(row[1:], now))
        news.leased = [Leased(_endpoint(row), row[-3], (row[-2], row[-1])) for row in _rows(leased)]
        _read_filled(filled, news, now)
        _read_loaded(loaded, news, now)
        _read_loaded(loaded_new, news, now)
        news.begun = {row[0]: Begun(row[1], _letter(row)) for row in _rows(begun)}
        return news

    def close(self) -> None:
        """End the connection; the next exchange makes a new one."""
        connection.close()

    def _prepare(self) -> None:
        connection.ensure_connection()
        if self._prepared is not connection.connection:
            # A commit that a crash of the server takes back is done once more.
            send("SET synchronous_commit = off")
            self._prepared = connection.connection

    def _send(self, statement: str, is_asked: bool, **parameters: Any) -> Sent | None:
        return send(statement, {**self._asked, **parameters}) if is_asked else None

    def _fill(self, orders: Orders) -> Sent | None:
        return self._send(
            statements.FILL, bool(orders.fill or orders.lease),
            ids=[pk for pk, _room in orders.fill], rooms=[room for _pk, room in orders.fill],
            with_new=bool(orders.lease), held=orders.held, most=statements.AT_ONCE,
        )  # fmt: skip

    def _write(self, orders: Orders) -> None:
        if orders.results:
            self._send(statements.RESULTS, True, results=to_json(orders.results).decode())
        if orders.failures:
            self._send(statements.FAILURES, True, failures=to_json(orders.failures).decode())

    def _write_turns(self, orders: Orders) -> None:
        """Results that change what an endpoint is, and whom we tell of it, together."""

        @transactional
        def write() -> None:
            send("SET LOCAL synchronous_commit = on")
            self._write(orders)
            for turn in sorted(orders.turns, key=lambda turn: turn.endpoint_id):
                self._turn(turn)

        write()

    def _turn(self, turn: Turn) -> None:
        asked = {
            "id": turn.endpoint_id, "url": turn.url, "was": turn.was, "status": turn.status,
            "failures": turn.failures, "failed": turn.failed, "pause": turn.pause,
        }  # fmt: skip
        row = send(statements.TURN, {**self._asked, **asked}).row()
        if row is None:
            return  # others changed it meanwhile, or it is not ours any more
        if turn.status == Status.ENABLED:
            send(statements.HURRY, {"id": turn.endpoint_id})
        elif turn.status == Status.DISABLED:
            tell_of(turn.endpoint_id, ENDPOINT_DISABLED, by_mail=True)
        elif row[0]:  # not when it was told within the hour: some endpoints come and go
            tell_of(turn.endpoint_id, ENDPOINT_FAILING, by_mail=False)


def _rows(sent: Sent | None) -> list[tuple[Any, ...]]:
    return sent.rows() if sent is not None else []


def _endpoint(row: Iterable[Any]) -> WebhookEndpoint:
    fields = dict(zip(statements.ENDPOINT_FIELDS, row, strict=False))
    return WebhookEndpoint(**fields)


def _waiting(row: Sequence[Any], now: float) -> Waiting:
    pk, message_id, sequence, subject, tries, is_wanted, due_in = row
    return Waiting(pk, message_id, sequence, subject, tries, now + due_in, is_wanted)


def _letter(row: Sequence[Any]) -> Letter | None:
    _pk, _number, message_id, sequence, type_name, created_at, data = row
    if message_id is None:
        return None
    return Letter(message_id, sequence, type_name, created_at, orjson.loads(data))


def _read_filled(sent: Sent | None, news: News, now: float) -> None:
    for endpoint_id, has_more, *row in _rows(sent):
        filled = news.filled.setdefault(endpoint_id, Filled(has_more, []))
        if row[0] is not None:
            filled.deliveries.append(_waiting(row, now))


def _read_loaded(sent: Sent | None, news: News, now: float) -> None:
    for endpoint_id, total, *row in _rows(sent):
        loaded = news.loaded.setdefault(endpoint_id, (total, []))
        if row[0] is not None:
            loaded[1].append(_waiting(row, now))
