"""The part of the worker that sends messages to webhook endpoints."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from math import inf
from threading import Event as Flag
from threading import Thread
from typing import Any, Protocol

import structlog
import uvloop
from django.conf import settings
from django.db import InterfaceError, OperationalError

from openplatform.core import clock
from openplatform.core.errors import TemporarilyUnavailable
from openplatform.core.locking import RETRIED, sqlstate_of
from openplatform.core.outgoing.async_client import AsyncAnswer, AsyncClient
from openplatform.core.outgoing.faults import HttpFault
from openplatform.core.wakeups import MESSAGES, Listener
from openplatform.messaging.delivery import statements
from openplatform.messaging.delivery.lanes import GONE, DeliveryStatus, Lane, Status, Waiting
from openplatform.messaging.delivery.letters import body_of, headers_for
from openplatform.messaging.delivery.schedule import read_retry_after
from openplatform.messaging.delivery.store import Begun, News, Orders, Store
from openplatform.messaging.models.webhooks import MAX_ANSWER, MAX_ERROR
from openplatform.messaging.services.mailing import in_one_line
from openplatform.messaging.signatures import SecretMalformed

log = structlog.get_logger(__name__)

MAX_REQUESTS = 256  # under way, over all endpoints
CROWDED = MAX_REQUESTS // 2  # from here on, an endpoint has one request under way
MAX_LANES = 1000  # endpoints that one pump holds
LEASE = 30.0  # seconds, or more when requests may take longer
MARGIN = 5.0  # seconds that a lease outlasts the requests begun under it
RENEW_EVERY = 5.0
LOOK_EVERY = 1.0  # seconds between looks without a nudge
REREAD_EVERY = 0.25  # seconds between looks at what others changed, at most
LOOK_AT_MOST = 0.2  # of the time is spent on looking for endpoints that have something due
YIELD_AFTER = 10.0  # seconds, when there may be others that wait for a pump
TICK = 0.5  # seconds; a stop is noticed within
PAUSE_AFTER_FAULT = 1.0
GATHER = 0.02  # seconds that answers wait for each other, at most,
GATHERED = 4  # and until the n-th part of what is under way is there
UNREADABLE = "The secret or the headers cannot be read: they are to be set anew"
NOT_KEPT = "The message is no longer kept"
# SQLSTATE classes, or the beginning of one, of a database that is away rather than unwilling.
AWAY = ("08", "57P")
ASKING = frozenset({429, 503})  # answers whose Retry-After counts
TURNS_TO_SEND = 3  # lanes are leased, filled, and told to send

Chosen = tuple[Lane, Waiting]


class Client(Protocol):
    """What sends requests; ``AsyncClient`` does."""

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> AsyncAnswer:
        """The answer, or an ``HttpFault``."""


def run(stopping: Flag, beat: Callable[[], None]) -> None:
    """Send what is due until told to stop; then finish what is under way."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(stopping, beat))


async def _run(stopping: Flag, beat: Callable[[], None]) -> None:
    async with AsyncClient(
        timeout=settings.WEBHOOK_TIMEOUT, private_hosts=settings.WEBHOOK_PRIVATE_HOSTS
    ) as client:
        pump = Pump(client)
        closing = Flag()
        listening = Thread(target=_listen, args=(pump, closing), daemon=True)
        listening.start()
        try:
            await pump.run(stopping, beat)
        finally:
            closing.set()
            await pump.close()


def _listen(pump: Pump, closing: Flag) -> None:
    with Listener(MESSAGES) as listener:
        while not closing.is_set():
            if listener.wait(LOOK_EVERY):
                pump.nudge()


class Pump:
    """Holds a lane for each endpoint that it alone sends to. It belongs to one event loop.

    A turn is one exchange with the database: results are written, lanes taken, filled and given
    back, and the attempts are counted that the lanes want to make next; then these are made. A turn
    costs about the same for one answer as for many, so a share of what is under way is waited for.
    """

    def __init__(self, client: Client, *, holder: str = "") -> None:
        self.lanes: dict[int, Lane] = {}
        self.is_refused = False  # the database is there, and did not do what we asked last
        self._client = client
        self._loop = asyncio.get_running_loop()
        lease = max(LEASE, settings.WEBHOOK_TIMEOUT + 4 * MARGIN)
        self._store = Store(
            holder or f"{socket.gethostname()[:32]}:{os.getpid()}:{secrets.token_hex(4)}",
            lease=lease,
            needed=settings.WEBHOOK_TIMEOUT + MARGIN,
        )
        self._database = ThreadPoolExecutor(1, "webhook-database")
        self._results: list[dict[str, Any]] = []
        self._requests: set[asyncio.Task[None]] = set()
        self._lost: dict[int, Lane] = {}  # others send there; what we began there may go on
        self._unserved: list[Lane] = []  # too much was under way
        self._broken: BaseException | None = None
        self._has_news = asyncio.Event()
        self._enough = 1  # answers that are news
        self._gathers = False
        self._is_nudged = True
        self._look_at = 0.0  # not later
        self._look_after = 0.0  # not before
        self._reread_at = 0.0
        self._renew_at = 0.0
        self._is_stopping = False

    # Running

    async def run(self, stopping: Flag, beat: Callable[[], None]) -> None:
        """Turn after turn, until told to stop; what is under way then ends within its time-out."""
        while not stopping.is_set():
            if not self.is_refused:
                beat()  # or else we may be what is wrong: whoever watches begins us anew
            if await self.turn():
                await self._gather()
            else:
                await self._rest()
        await self.stop(beat)

    async def stop(self, beat: Callable[[], None] = lambda: None) -> None:
        """Begin nothing any more, wait for what is under way, and give all leases back."""
        self._is_stopping = True
        ends_at = time.monotonic() + settings.WEBHOOK_TIMEOUT + MARGIN
        while (self.lanes or self._results or self._requests) and time.monotonic() < ends_at:
            beat()
            if not await self.turn():
                await self._rest()

    def nudge(self) -> None:
        """There may be work. From any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._nudged)

    async def close(self) -> None:
        """Let go of everything. Requests under way are given up: their leases end by themselves."""
        for request in self._requests:
            request.cancel()
        await asyncio.gather(*self._requests, return_exceptions=True)
        await self._loop.run_in_executor(self._database, self._store.close)
        self._database.shutdown()

    async def turn(self) -> bool:
        """One exchange with the database, if there is reason for one; whether there was."""
        if self._broken is not None:
            raise self._broken
        self._has_news.clear()
        chosen: list[Chosen] = []
        orders = self._orders(chosen)
        self._gathers = not (orders.lease or orders.fill or orders.load)  # more is to be sent now
        if not orders:
            return False
        began = time.monotonic()
        try:
            asked = self._loop.run_in_executor(self._database, self._store.exchange, orders)
            for lane, _one in chosen:  # opened while the database is at work
                lane.stationery(clock.now())
            news = await asked
        except (OperationalError, InterfaceError, TemporarilyUnavailable) as error:
            await self._begin_anew(orders, chosen, error)
            return True
        self.is_refused = False
        if orders.lease:
            took = time.monotonic() - began
            self._look_after = time.monotonic() + took * (1 / LOOK_AT_MOST - 1)
        self._take_in(orders, news)
        self._start(chosen, news.begun)
        return True

    async def drain(self) -> None:
        """Turn until there is nothing that could be sent now, and nothing under way."""
        quiet = 0
        while quiet < TURNS_TO_SEND:
            self._look_at = self._look_after = self._reread_at = 0.0
            await self.turn()
            if self._requests:
                await asyncio.wait(self._requests, return_when=asyncio.FIRST_COMPLETED)
            quiet = 0 if self._requests or self._results else quiet + 1

    def _nudged(self) -> None:
        self._is_nudged = True
        self._has_news.set()

    async def _gather(self) -> None:
        """Until a part of what is under way has come back, or somebody nudges. Not when more can
        be sent already.
        """
        enough = max((len(self._requests) + len(self._results)) // GATHERED, 1)
        if not self._gathers or (self._has_news.is_set() and self._is_nudged):
            return
        if not self._requests or len(self._results) >= enough:
            return
        self._enough = enough
        self._has_news.clear()
        alarm = self._loop.call_later(GATHER, self._has_news.set)
        await self._has_news.wait()
        alarm.cancel()
        self._enough = 1

    async def _rest(self) -> None:
        now = time.monotonic()
        until = min([now + TICK, self._look_at, *(lane.wakes_at for lane in self.lanes.values())])
        if self._is_nudged:
            until = min(until, self._look_after)
        if until <= now:
            await asyncio.sleep(0)
            return
        alarm = self._loop.call_later(until - now, self._has_news.set)
        await self._has_news.wait()
        alarm.cancel()

    # Before an exchange

    def _orders(self, chosen: list[Chosen]) -> Orders:
        """What is to be asked now; ``chosen`` gets the attempts to make once they are counted."""
        now = time.monotonic()
        orders = Orders()
        is_looking = not self._is_stopping and self._look(orders, now)
        for lane in self._unserved:
            lane.wakes_at = 0.0
        self._unserved.clear()
        orders.results, self._results = self._results, []
        lanes = list(self.lanes.values())
        if len(self._requests) >= CROWDED or len(lanes) > statements.AT_ONCE:
            random.shuffle(lanes)  # so that it is not the same ones that find no room
        for lane in lanes:
            self._order(lane, orders, chosen, is_looking, now)
        if lanes and now >= self._renew_at:
            orders.renew = list(self.lanes)
            self._renew_at = now + RENEW_EVERY
        orders.begin = [one.id for _lane, one in chosen]
        return orders

    def _look(self, orders: Orders, now: float) -> bool:
        """Whether to look for work, and for what others changed."""
        if (not self._is_nudged or now < self._look_after) and now < self._look_at:
            return False
        self._is_nudged = False
        self._look_at = now + LOOK_EVERY
        room = MAX_LANES - len(self.lanes)
        orders.lease = min(room, statements.AT_ONCE)
        orders.held = [*self.lanes, *(pk for pk, lane in self._lost.items() if lane.sending)]
        self._lost = {pk: lane for pk, lane in self._lost.items() if lane.sending}
        for lane in self.lanes.values():
            lane.has_more = True
            if not room and now - lane.held_since > YIELD_AFTER:
                lane.is_ending = True  # others may have waited for longer
        if self.lanes and now >= self._reread_at:
            orders.reread = list(self.lanes)
            self._reread_at = now + REREAD_EVERY
        elif self.lanes:
            self._look_at = self._reread_at
        return True

    def _order(
        self, lane: Lane, orders: Orders, chosen: list[Chosen], is_looking: bool, now: float
    ) -> None:
        pk = lane.endpoint.pk
        if (turn := lane.turn(now)) is not None:
            orders.turns.append(turn)
        elif lane.is_changed:
            lane.is_changed = False
            orders.failures.append(
                {"id": pk, "status": lane.status, "failures": lane.failures,
                 "pause": lane.pause(now)}
            )  # fmt: skip
        lane.is_ending |= self._is_stopping
        if lane.is_over(now):
            orders.release.append(pk)
            return
        if lane.is_ending:
            lane.wakes_at = inf  # what is under way wakes us when it ends
            return
        if lane.wants_reading(now):
            if len(orders.load) < statements.AT_ONCE:
                orders.load.append(pk)
            return
        room = lane.room()
        if lane.has_more and (room or is_looking):
            lane.has_more = not room
            orders.fill.append((pk, room))
            if room and not lane.is_filled:
                lane.is_filled = True
                if lane.status == Status.FAILING:
                    return  # the next probe may be one of these
        if lane.wakes_at <= now:
            self._choose(lane, chosen, now)

    def _choose(self, lane: Lane, chosen: list[Chosen], now: float) -> None:
        """What the lane sends next, as far as there is room for more requests."""
        under_way = len(self._requests) + len(chosen)
        most = MAX_REQUESTS - under_way
        if under_way >= CROWDED:
            most = min(most, 0 if lane.sending else 1)
        if most or lane.sending:
            chosen += [(lane, one) for one in lane.choose(now, most)]
        else:
            lane.wakes_at = inf
            self._unserved.append(lane)

    # After an exchange

    def _take_in(self, orders: Orders, news: News) -> None:
        now = time.monotonic()
        lanes = self.lanes
        for result in orders.results:
            if (lane := lanes.get(result["endpoint_id"])) is not None:
                lane.unsaved.discard(result["delivery_id"])
        for pk in orders.release:
            del lanes[pk]
        for pk in {*orders.renew} - news.renewed | {*orders.reread} - news.reread.keys():
            self._forget(pk)
        self._is_nudged |= len(news.leased) == statements.AT_ONCE  # there may be more
        for endpoint, pause, last in news.leased:
            lane = lanes[endpoint.pk] = Lane(endpoint, pause=pause, last=last, now=now)
            filled = news.filled.get(endpoint.pk)
            lane.has_more = filled is not None and filled.has_more
            lane.is_filled = not lane.has_more
        for pk in lanes.keys() & news.reread.keys():
            endpoint, pause = news.reread[pk]
            lanes[pk].refresh(endpoint, pause=pause, now=now)
        for pk in lanes.keys() & news.wanted.keys():
            lanes[pk].add(news.wanted[pk])
        for pk in lanes.keys() & news.loaded.keys():
            total, deliveries = news.loaded[pk]
            lanes[pk].load(deliveries, total, now)
        for pk in lanes.keys() & news.filled.keys():
            lanes[pk].has_more |= news.filled[pk].has_more
            lanes[pk].add(news.filled[pk].deliveries)

    def _forget(self, pk: int) -> None:
        """It is not ours any more. What is under way there ends, and is written down."""
        lane = self.lanes.pop(pk, None)
        if lane is not None:
            self._lost[pk] = lane
            log.warning("webhook_lease_lost", endpoint=lane.endpoint.endpoint_id)

    async def _begin_anew(self, orders: Orders, chosen: Iterable[Chosen], error: Exception) -> None:
        """The database is gone, or busy; what became of the exchange is not known.

        Results are written again, which changes nothing if they were; all else is read anew.
        """
        log.warning("webhook_database_lost", error=str(error))
        self._results = orders.results + self._results
        for turn in orders.turns:
            self.lanes[turn.endpoint_id].known_status = turn.was
        for failures in orders.failures:
            self.lanes[failures["id"]].is_changed = True
        for lane, one in chosen:
            lane.give_back(one)
        for lane in self.lanes.values():
            lane.is_stale = lane.has_more = True
        self._look_at = self._look_after = self._reread_at = self._renew_at = 0.0
        sqlstate = sqlstate_of(error)
        self.is_refused = sqlstate is not None and not sqlstate.startswith(AWAY)
        if sqlstate not in RETRIED:
            await self._loop.run_in_executor(self._database, self._store.close)
        await asyncio.sleep(PAUSE_AFTER_FAULT)

    # Sending

    def _start(self, chosen: Iterable[Chosen], begun: Mapping[int, Begun]) -> None:
        for lane, one in chosen:
            counted = begun.get(one.id)
            if counted is None:
                # Somebody saw to it, the endpoint was disabled, or the lease is about to end.
                lane.give_back(one)
                lane.is_stale = True
                self._look_at = self._reread_at = self._renew_at = 0.0
                continue
            request = self._loop.create_task(self._send(lane, one, counted))
            self._requests.add(request)
            request.add_done_callback(self._sent)

    def _sent(self, request: asyncio.Task[None]) -> None:
        self._requests.discard(request)
        if not request.cancelled() and (error := request.exception()) is not None:
            self._broken = error  # a fault of ours: better to end than to go on without it
        if len(self._results) >= self._enough or not self._requests:
            self._has_news.set()

    async def _send(self, lane: Lane, one: Waiting, begun: Begun) -> None:
        """One attempt, and what comes of it."""
        moment, began = clock.now(), time.monotonic()
        url, is_probe = lane.endpoint.url, one.is_probe
        code, error, answer, asked = None, "", b"", None
        stationery = lane.stationery(moment)
        if begun.message is None:
            error = NOT_KEPT
        elif stationery is None:
            error = UNREADABLE
        else:
            body = body_of(begun.message)
            try:
                headers = headers_for(stationery, message_id=one.message_id, body=body, now=moment)
                answered = await self._client.post(url, headers=headers, body=body)
            except HttpFault as fault:
                error = in_one_line(str(fault))
            except SecretMalformed:
                error = UNREADABLE
            else:
                code, answer, asked = answered.status, answered.answer, answered.retry_after
        now = time.monotonic()
        if begun.message is None:
            verdict = lane.drop(one)
        else:
            pause = read_retry_after(asked, moment) if code in ASKING else 0.0
            # An address that was given up meanwhile does not speak for the one that took its place.
            is_heard = code != GONE or url == lane.endpoint.url
            verdict = lane.settle(one, code=code if is_heard else None, retry_after=pause, now=now)
        self._results.append(
            {
                "delivery_id": one.id,
                "endpoint_id": lane.endpoint.pk,
                "number": begun.number,
                "url": url,
                "started_at": moment,
                "duration_ms": round((now - began) * 1000),
                "status_code": code,
                "error": error[:MAX_ERROR],
                "answer": answer[:MAX_ANSWER].decode(errors="replace").replace("\0", ""),
                "status": verdict.status,
                "wait": verdict.wait,
                "counts": verdict.counts,
            }
        )
        if verdict.status != DeliveryStatus.DELIVERED:
            log.info(
                "webhook_failed",
                endpoint=lane.endpoint.endpoint_id,
                message=one.message_id,
                attempt=begun.number,
                code=code,
                error=error,
                is_probe=is_probe,
                status=verdict.status,
            )
