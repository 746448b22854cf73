"""Both clients, and receivers on this machine that answer as badly as they can."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from threading import Event, Thread
from typing import Any, NamedTuple, Protocol

import pytest
import uvloop
from django.conf import settings as project_settings

from openplatform.core.outgoing.async_client import AsyncClient
from openplatform.core.outgoing.client import send_request

Play = Callable[[socket.socket, Event], None]
HEAD = b"HTTP/1.1 200 OK\r\n"
OK = HEAD + b"Content-Length: 2\r\n\r\nok"
BODY_LIMIT = 64 * 1024
PUBLIC, PRIVATE = "93.184.216.34", "10.0.0.1"


class Told(NamedTuple):
    """What both clients tell of an answer."""

    status: int
    body: bytes


class Ask(Protocol):
    def __call__(
        self,
        url: str,
        *,
        timeout: float = 5.0,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"{}",
    ) -> Told: ...


@pytest.fixture(autouse=True)
def _private_hosts(settings: Any) -> None:
    settings.OUTGOING_PRIVATE_HOSTS = ["127.0.0.1"]


def ask_sync(
    url: str,
    *,
    timeout: float = 5.0,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"{}",
) -> Told:
    answer = send_request(
        "POST", url, timeout=timeout, body_limit=BODY_LIMIT, headers=headers, body=body
    )
    return Told(answer.status, answer.body)


def ask_async(
    url: str,
    *,
    timeout: float = 5.0,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"{}",
) -> Told:
    async def post() -> Told:
        hosts = project_settings.OUTGOING_PRIVATE_HOSTS
        async with AsyncClient(timeout=timeout, private_hosts=hosts) as client:
            answer = await client.post(url, headers=headers or {}, body=body)
            return Told(answer.status, answer.answer)

    return uvloop.run(post())


@pytest.fixture(params=[ask_sync, ask_async], ids=["client", "async_client"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Sends one POST, by each client in turn."""
    one: Ask = request.param
    return one


@contextmanager
def answering(*plays: Play, reads: bool = True) -> Iterator[tuple[str, list[bytes]]]:
    """The address of a receiver, and the beginnings of the requests it got.

    Its first connection plays the first answer and so on, those after the last one the last.

    :param reads: whether the request is read before the answer is played.
    """
    ending = Event()
    requests: list[bytes] = []
    threads: list[Thread] = []

    def serve(connection: socket.socket, play: Play) -> None:
        with connection:
            connection.settimeout(10)
            try:
                if reads:
                    requests.append(read_request(connection))
                play(connection, ending)
            except OSError:
                return

    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        server.settimeout(10)

        def accept() -> None:
            while True:
                try:
                    connection, _peer = server.accept()
                except OSError:
                    return
                play = plays[min(len(threads), len(plays)) - 1]
                threads.append(Thread(target=serve, args=(connection, play)))
                threads[-1].start()

        threads.append(Thread(target=accept))
        threads[0].start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/path", requests
        finally:
            ending.set()
            server.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(15)


def read_request(connection: socket.socket) -> bytes:
    """One request, whole."""
    read = b""
    while b"\r\n\r\n" not in read:
        piece = connection.recv(65536)
        if not piece:
            return read
        read += piece
    head, _blank, body = read.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            while len(body) < int(line[15:]):
                body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def saying(answer: bytes) -> Play:
    """Says this and hangs up."""

    def play(connection: socket.socket, _ending: Event) -> None:
        connection.sendall(answer)

    return play


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Has every name be at these addresses; gives the names that are asked for, as they are."""
    asked: list[str] = []

    def resolve(host: str, port: int, **_kind: Any) -> list[Any]:
        asked.append(host)
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port),
            )
            for address in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked
