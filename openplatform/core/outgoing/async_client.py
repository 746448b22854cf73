"""Many requests at once, at little cost: POSTs over connections that are kept for a while.

A request is written as it is, and llhttp reads the answer (``answers``): a quarter of the work of a
general client. Ours is where connections go, how long they are kept, and when it is over.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address
from types import TracebackType
from typing import NamedTuple, Self, cast
from urllib.parse import urlsplit

import certifi

from openplatform.core.errors import UrlNotAllowed
from openplatform.core.networks import read_address
from openplatform.core.outgoing.addresses import (
    DEFAULT_PORTS,
    is_open_to_us,
    is_public_text,
    require_allowed_url,
)
from openplatform.core.outgoing.answers import AnswerReader
from openplatform.core.outgoing.faults import AddressNotAllowed, HttpFault, TimedOut, Unreachable
from openplatform.core.outgoing.headers import head_of
from openplatform.core.outgoing.names import Place, look_up

BODY_LIMIT = 64 * 1024  # bytes of an answer that are read
KEPT_LIMIT = 1024  # and that are told
CONNECT_WAIT = 3.0  # seconds for one of several addresses, so that a dead one leaves time
IDLE_SECONDS = 15.0  # that a connection is kept without a request
MAX_IDLE = 256  # connections kept, in all
MAX_IDLE_PER_HOST = 64
MAX_LOOK_UPS = 64  # names looked up at once
MAX_TARGETS = 4096  # addresses whose parts are remembered
# Of a name that there is not, too: what names there are inside is nobody's business.
NOT_PUBLIC = "{} is not known to the internet, or not at public addresses only"


@dataclass(frozen=True, slots=True)
class AsyncAnswer:
    """What came back, whatever its status."""

    status: int
    answer: bytes  # the beginning of the body, as it came
    duration_ms: int
    retry_after: str | None  # the header, as it came


class Origin(NamedTuple):
    """Whom a connection is to."""

    is_secure: bool
    host: str
    port: int


class _Target(NamedTuple):
    origin: Origin
    is_open: bool  # may be private
    head: str  # the lines of a request that are always the same


class AsyncClient:
    """Sends requests for as long as it is open. It belongs to one event loop.

    :param timeout: seconds for everything together.
    :param private_hosts: that it may speak to inside, see ``addresses.is_open_to_us``.
    """

    def __init__(self, *, timeout: float, private_hosts: Collection[str] = ()) -> None:
        self._timeout = timeout
        self._private_hosts = private_hosts
        self._loop = asyncio.get_running_loop()
        self._tls = _tls()
        self._targets: dict[str, _Target] = {}
        self._idle: dict[Origin, list[_Connection]] = {}
        self._idle_count = 0
        self._is_closed = False
        self._sweep: asyncio.TimerHandle | None = None
        self._look_ups: dict[tuple[str, int], asyncio.Future[list[Place]]] = {}
        self._free_look_ups = asyncio.Semaphore(MAX_LOOK_UPS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Lets go of the connections that are kept; what is on its way ends by itself."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for connections in self._idle.values():
            for connection in connections:
                connection.abort()
        self._idle.clear()
        self._idle_count = 0
        for pending in self._look_ups.values():
            pending.cancel()
        await asyncio.sleep(0)  # so that the transports are told

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> AsyncAnswer:
        """The answer to one request. Never to be awaited while a transaction is open.

        A kept connection that turns out to be closed is replaced by a new one, so a request may
        reach the receiver twice.

        :param headers: all that is not of the connection: content type and user agent too.
        :raises AddressNotAllowed: for an address that is not open to us.
        :raises HeaderNotAllowed: for a header that cannot be sent.
        :raises Unreachable, TimedOut, AnswerTooLarge: see there; too large is a head only.
        """
        began = self._loop.time()
        target = self._target_of(url)
        head = f"{target.head}{head_of(headers)}Content-Length: {len(body)}\r\n\r\n"
        try:
            async with asyncio.timeout_at(began + self._timeout):
                answer = await self._exchange(target, head.encode("ascii") + body)
        except TimeoutError as error:
            raise TimedOut("the answer did not come in time") from error
        return AsyncAnswer(
            answer.status,
            answer.content,
            round((self._loop.time() - began) * 1000),
            answer.retry_after,
        )

    async def _exchange(self, target: _Target, request: bytes) -> AnswerReader:
        connection = self._kept(target.origin)
        if connection is not None:
            try:
                return await self._send(target.origin, connection, request)
            except _Stale:
                pass  # it was closed while it was not used
        connection = await self._connect(target)
        try:
            return await self._send(target.origin, connection, request)
        except _Stale as error:
            raise Unreachable("the connection was closed without an answer") from error

    async def _send(self, origin: Origin, connection: _Connection, request: bytes) -> AnswerReader:
        try:
            answer = await connection.exchange(request)
        except BaseException:  # cancelled too: what comes later belongs to nobody
            connection.abort()
            raise
        if answer.is_reusable:
            self._keep(origin, connection)
        else:
            connection.abort()
        return answer

    # Where it goes

    def _target_of(self, url: str) -> _Target:
        target = self._targets.get(url)
        if target is None:
            if len(self._targets) >= MAX_TARGETS:
                self._targets.clear()
            target = self._targets[url] = _read_target(url, self._private_hosts)
        return target

    async def _places_of(self, target: _Target) -> list[Place]:
        host, port = target.origin.host, target.origin.port
        literal = read_address(host)
        if literal is None:
            places = await self._look_up(host, port)
        else:
            is_old = isinstance(literal, IPv4Address)
            family = socket.AF_INET if is_old else socket.AF_INET6
            places = [Place(family, str(literal), port)]
        if not target.is_open and not all(is_public_text(place.address) for place in places):
            raise AddressNotAllowed(NOT_PUBLIC.format(host))
        return places

    async def _look_up(self, host: str, port: int) -> list[Place]:
        """Asked once for all who wait for the same host, and not given up with one of them."""
        pending = self._look_ups.get((host, port))
        if pending is None:
            await self._free_look_ups.acquire()
            pending = self._look_ups.get((host, port))
            if pending is None:
                pending = asyncio.wrap_future(look_up(host, port))
                self._look_ups[host, port] = pending
                pending.add_done_callback(lambda done: self._looked_up(host, port, done))
            else:
                self._free_look_ups.release()
        return await asyncio.shield(pending)

    def _looked_up(self, host: str, port: int, done: asyncio.Future[list[Place]]) -> None:
        del self._look_ups[host, port]
        self._free_look_ups.release()
        if not done.cancelled():
            done.exception()  # whoever asked may be gone

    async def _connect(self, target: _Target) -> _Connection:
        try:
            places = await self._places_of(target)
        except (OSError, ValueError) as error:
            raise Unreachable(NOT_PUBLIC.format(target.origin.host)) from error
        for place in places[:-1]:
            try:
                async with asyncio.timeout(CONNECT_WAIT):
                    return await self._connect_to(place, target)
            except OSError:  # a timeout too
                continue
        try:
            return await self._connect_to(places[-1], target)
        except ssl.SSLCertVerificationError as error:
            raise Unreachable(f"the certificate does not hold: {error.verify_message}") from error
        except OSError as error:
            raise Unreachable(f"the connection failed ({type(error).__name__})") from error

    async def _connect_to(self, place: Place, target: _Target) -> _Connection:
        opened = socket.socket(place.family, socket.SOCK_STREAM)
        try:
            opened.setblocking(False)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.sock_connect(opened, (place.address, place.port))
            if not target.is_open and not is_public_text(str(opened.getpeername()[0])):
                raise AddressNotAllowed(NOT_PUBLIC.format(target.origin.host))
            _transport, connection = await self._loop.create_connection(
                lambda: _Connection(self._loop),
                sock=opened,
                ssl=self._tls if target.origin.is_secure else None,
                server_hostname=(
                    target.origin.host.removesuffix(".") if target.origin.is_secure else None
                ),
            )
        except BaseException:
            opened.close()
            raise
        return connection

    # What is kept

    def _kept(self, origin: Origin) -> _Connection | None:
        """A connection that was not used for a while; the one that was used last."""
        connections = self._idle.get(origin)
        oldest = self._loop.time() - IDLE_SECONDS
        while connections:
            connection = connections.pop()
            self._idle_count -= 1
            if connection.is_open and connection.idle_since > oldest:
                return connection
            connection.abort()
        return None

    def _keep(self, origin: Origin, connection: _Connection) -> None:
        connections = self._idle.get(origin)
        if connections is None:
            connections = self._idle[origin] = []
        is_full = self._idle_count >= MAX_IDLE or len(connections) >= MAX_IDLE_PER_HOST
        if self._is_closed or is_full:
            connection.abort()
            return
        connection.idle_since = self._loop.time()
        connections.append(connection)
        self._idle_count += 1
        if self._sweep is None:
            self._sweep = self._loop.call_later(IDLE_SECONDS / 3, self._close_idle)

    def _close_idle(self) -> None:
        oldest = self._loop.time() - IDLE_SECONDS
        for origin, connections in list(self._idle.items()):
            staying = []
            for connection in connections:
                if connection.is_open and connection.idle_since > oldest:
                    staying.append(connection)
                else:
                    connection.abort()
                    self._idle_count -= 1
            if staying:
                self._idle[origin] = staying
            else:
                del self._idle[origin]
        self._sweep = None
        if self._idle:
            self._sweep = self._loop.call_later(IDLE_SECONDS / 3, self._close_idle)


class _Stale(Exception):
    """The connection was closed before anything of an answer came."""


class _Connection(asyncio.Protocol):
    """One connection, which carries one exchange at a time."""

    __slots__ = ("_answer", "_done", "_loop", "_transport", "idle_since", "is_open")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.is_open = True
        self.idle_since = 0.0
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._answer: AnswerReader | None = None
        self._done: asyncio.Future[None] | None = None

    async def exchange(self, request: bytes) -> AnswerReader:
        """The answer to a request.

        :raises _Stale: when nothing of it came.
        :raises HttpFault: when it broke off, or cannot be read.
        """
        if self._transport is None or not self.is_open:
            raise _Stale
        answer = self._answer = AnswerReader(body_limit=BODY_LIMIT, kept_limit=KEPT_LIMIT)
        done = self._done = self._loop.create_future()
        self._transport.write(request)
        await done
        self._answer = self._done = None
        return answer

    def abort(self) -> None:
        """Ends it at once, whatever is on its way."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._done is None or self._done.done():
            self.abort()  # nobody asked
            return
        try:
            self._answer.feed(data)
        except HttpFault as fault:
            self._done.set_exception(fault)
        else:
            if self._answer.is_done:
                self._done.set_result(None)

    def eof_received(self) -> None:
        self.is_open = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._answer is None or self._done is None or self._done.done():
            return
        if not self._answer.has_begun:
            self._done.set_exception(_Stale())
        elif exc is not None:
            self._done.set_exception(
                Unreachable("the connection broke off before the answer was whole")
            )
        else:
            try:
                self._answer.end()
            except HttpFault as fault:
                self._done.set_exception(fault)
            else:
                self._done.set_result(None)


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


def _read_target(url: str, private_hosts: Collection[str]) -> _Target:
    """:raises AddressNotAllowed: for an address that may not be registered either."""
    try:
        require_allowed_url(url, private_hosts=private_hosts, resolve=False)
    except UrlNotAllowed as error:
        raise AddressNotAllowed(str(error.detail)) from error
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    written = f"[{host}]" if ":" in host else host
    if port != DEFAULT_PORTS[parts.scheme]:
        written = f"{written}:{port}"
    return _Target(
        Origin(parts.scheme == "https", host, port),
        is_open_to_us(host, port, private_hosts),
        f"POST {path} HTTP/1.1\r\nHost: {written}\r\nAccept-Encoding: identity\r\n",
    )
