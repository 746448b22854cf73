"""The one way out: requests that end in time, read no more than agreed, and go where they may.

- One deadline holds for the whole exchange, however slowly bytes drip in: at it, the connection is
  shut.
- The body is read as it is (nothing is decompressed) and up to a limit.
- Redirects are not followed, proxies and credentials of the environment are not used.
- A host is resolved once, every address that it has must be a public one, and the connection goes
  to one of these. Hosts in ``OUTGOING_PRIVATE_HOSTS`` are exempt, and so is everything while
  ``DEBUG`` is on; only to these may plain http be spoken.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from threading import Timer
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.poolmanager import PoolManager

from openplatform.core.networks import Address, read_address

PIECE = 16 * 1024  # bytes read at a time
NAT64 = IPv6Network("64:ff9b::/96")
DEFAULT_PORTS = {"http": 80, "https": 443}


class HttpFault(Exception):
    """No answer came; the text says why, for staff."""


class AddressNotAllowed(HttpFault):
    """We do not send requests there."""


class Unreachable(HttpFault):
    """Nobody answered: no such name, no connection, or one that broke."""


class TimedOut(HttpFault):
    """The deadline passed before the answer was whole."""


class AnswerTooLarge(HttpFault):
    """The body goes on past the limit."""


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


def require_open_url(url: str) -> None:
    """Of an address that somebody wants called. Where its host is, is looked at when it is called.

    :raises AddressNotAllowed: unless it is https, or http to a host that may be private.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise AddressNotAllowed("this is no address") from error
    if not host or parts.scheme not in DEFAULT_PORTS:
        raise AddressNotAllowed("only http and https addresses are called")
    if parts.scheme == "http" and not is_open_to_us(host, port):
        raise AddressNotAllowed("plain http is spoken to hosts in OUTGOING_PRIVATE_HOSTS only")


def is_open_to_us(host: str, port: int) -> bool:
    """Whether a host may be private and spoken to without TLS."""
    named = settings.OUTGOING_PRIVATE_HOSTS
    return bool(settings.DEBUG) or host in named or f"{host}:{port}" in named


def is_public(address: Address) -> bool:
    """Whether anybody on the internet may have it; what is wrapped in an address of IPv6 counts."""
    if isinstance(address, IPv6Address):
        inner = _wrapped_in(address)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def _wrapped_in(address: IPv6Address) -> IPv4Address | None:
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


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
        left = max(self.timeout - (time.monotonic() - self._began), 0.001)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        if not is_open_to_us(host, port):
            for *_kind, place in found:
                address = read_address(str(place[0]).partition("%")[0])
                if address is None or not is_public(address):
                    self.refused = AddressNotAllowed(f"{host} is a private address")
                    raise self.refused
        last: OSError = OSError(f"{host} has no address")
        for family, kind, protocol, _name, place in found:
            opened = socket.socket(family, kind, protocol)
            opened.settimeout(left)
            self.watch(opened)
            try:
                opened.connect(place)
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

    def _cut(self) -> None:
        self.is_over = True
        for opened in self._sockets:
            with suppress(OSError):  # closed already, or wrapped in another one, which is here too
                opened.shutdown(socket.SHUT_RDWR)


class _Adapter(HTTPAdapter):
    """Makes connections that belong to an exchange."""

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """A manager whose pools make our connections."""
        exchange = self._exchange

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return exchange.connect(self._dns_host, self.port)

        class Secure(HTTPSConnection):
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
