"""One request, sent by whoever waits for its answer."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPResponse
from threading import Timer
from typing import Any

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.poolmanager import PoolManager

from openplatform.core.outgoing.addresses import (
    DEFAULT_PORTS,
    is_open_to_us,
    is_public_text,
    require_open_url,
)
from openplatform.core.outgoing.faults import (
    AddressNotAllowed,
    AnswerTooLarge,
    HttpFault,
    TimedOut,
    Unreachable,
)
from openplatform.core.outgoing.names import look_up

PIECE = 16 * 1024  # bytes read at a time


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    milliseconds: int


def send_request(
    method: str,
    url: str,
    *,
    timeout: float,
    body_limit: int,
    headers: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> HttpAnswer:
    """The answer to one request. Never to be called while a transaction is open.

    :param timeout: seconds for everything together.
    :param body_limit: bytes of the answer's body.
    :raises AddressNotAllowed: for a scheme or an address that is not open to us.
    :raises Unreachable, TimedOut, AnswerTooLarge: see there.
    """
    require_open_url(url)
    exchange = _Exchange(timeout)
    with requests.Session() as session:
        session.trust_env = False
        for scheme in DEFAULT_PORTS:
            session.mount(f"{scheme}://", _Adapter(exchange))
        exchange.start()
        try:
            with session.request(
                method,
                url,
                params=parameters,
                data=body,
                headers={"Accept-Encoding": "identity", **(headers or {})},
                timeout=timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                content = _read(response, body_limit)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            raise exchange.fault_of(error) from error
        finally:
            exchange.end()
        if exchange.is_over:
            raise TimedOut("the answer did not come in time")
        return HttpAnswer(
            response.status_code, dict(response.headers), content, exchange.milliseconds()
        )


def _read(response: requests.Response, limit: int) -> bytes:
    content = bytearray()
    while piece := response.raw.read1(PIECE, decode_content=False):
        content += piece
        if len(content) > limit:
            raise AnswerTooLarge(f"the answer has more than {limit:,} bytes")
    return bytes(content)


class _Exchange:
    """One request and its answer: who is connected, and until when."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.is_over = False
        self.refused: AddressNotAllowed | None = None
        self._began = time.monotonic()
        self._took = 0.0
        self._timer = Timer(timeout, self._cut)
        self._timer.daemon = True
        self._sockets: list[socket.socket] = []

    def start(self) -> None:
        """From here on time counts."""
        self._began = time.monotonic()
        self._timer.start()

    def end(self) -> None:
        """It is done, or has failed."""
        self._timer.cancel()
        self._took = time.monotonic() - self._began

    def milliseconds(self) -> int:
        """How long it took."""
        return round(self._took * 1000)

    def watch(self, opened: socket.socket | None) -> None:
        """A connection that ends with us."""
        if opened is not None:
            self._sockets.append(opened)

    def connect(self, host: str, port: int) -> socket.socket:
        """A connection to one of the host's addresses, all of which must be open to us."""
        places = look_up(host, port).result(self._left())
        if not is_open_to_us(host, port, settings.OUTGOING_PRIVATE_HOSTS) and not all(
            is_public_text(place.address) for place in places
        ):
            self.refused = AddressNotAllowed(f"{host} is not at public addresses only")
            raise self.refused
        last: OSError = OSError(f"{host} has no address")
        for place in places:
            opened = socket.socket(place.family, socket.SOCK_STREAM)
            opened.settimeout(self._left())
            self.watch(opened)
            try:
                opened.connect((place.address, place.port))
            except OSError as error:
                opened.close()
                last = error
            else:
                return opened
        raise last

    def fault_of(self, error: Exception) -> HttpFault:
        """What an exception of the libraries below means."""
        if self.refused is not None:
            return self.refused
        if self.is_over or isinstance(error, requests.Timeout | TimeoutError):
            return TimedOut("the answer did not come in time")
        return Unreachable(f"the connection failed ({type(error).__name__})")

    def _left(self) -> float:
        return max(self.timeout - (time.monotonic() - self._began), 0.001)

    def _cut(self) -> None:
        self.is_over = True
        for opened in self._sockets:
            with suppress(OSError):  # closed already, or wrapped in another one, which is here too
                opened.shutdown(socket.SHUT_RDWR)


class _UntilOver(io.RawIOBase):
    """What a connection receives until the deadline.

    A connection that is shut gives what still comes all the same: a receiver that floods us would
    not be noticed otherwise.
    """

    def __init__(self, inner: io.RawIOBase, exchange: _Exchange) -> None:
        super().__init__()
        self._inner = inner
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._exchange.is_over:
            raise TimeoutError
        return self._inner.readinto(buffer)

    def close(self) -> None:
        self._inner.close()
        super().close()


class _Adapter(HTTPAdapter):
    """Makes connections that belong to an exchange."""

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """A manager whose pools make our connections."""
        exchange = self._exchange

        class Response(HTTPResponse):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                self.fp = io.BufferedReader(_UntilOver(self.fp.detach(), exchange))

        class Plain(HTTPConnection):
            response_class = Response

            def _new_conn(self) -> socket.socket:
                return exchange.connect(self._dns_host, self.port)

        class Secure(HTTPSConnection):
            response_class = Response

            def _new_conn(self) -> socket.socket:
                return exchange.connect(self._dns_host, self.port)

            def connect(self) -> None:
                super().connect()
                exchange.watch(self.sock)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        super().init_poolmanager(*args, **kwargs)
        manager: PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
