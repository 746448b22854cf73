"""Requests that we send end in time, stay small, and go nowhere they should not."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from threading import Event, Thread
from typing import Any

import pytest

from openplatform.core.http_client import (
    AddressNotAllowed,
    AnswerTooLarge,
    TimedOut,
    Unreachable,
    is_public,
    send_request,
)

Play = Callable[[socket.socket, Event], None]
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(autouse=True)
def _private_hosts(settings: Any) -> None:
    settings.OUTGOING_PRIVATE_HOSTS = ["127.0.0.1"]


@contextmanager
def answering(play: Play) -> Iterator[tuple[str, list[bytes]]]:
    """The address of a server that plays one answer, and the requests it got."""
    ending = Event()
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def serve() -> None:
            try:
                connection, _peer = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                try:
                    requests.append(connection.recv(65536))
                    play(connection, ending)
                except OSError:
                    return

        thread = Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/path", requests
        finally:
            ending.set()
            server.close()
            thread.join(15)


def ask(url: str, *, timeout: float = 5.0, body_limit: int = 1000, **parts: Any) -> Any:
    return send_request("GET", url, timeout=timeout, body_limit=body_limit, **parts)


def test_answer_is_told_as_it_came() -> None:
    def play(connection: socket.socket, _ending: Event) -> None:
        connection.sendall(HEAD + b"Content-Length: 5\r\nX-Word: yes\r\n\r\nhello")

    with answering(play) as (url, requests):
        answer = ask(url, parameters={"waybill": "SF 1"}, headers={"X-Api-Key": "k"})

    assert (answer.status, answer.body, answer.headers["X-Word"]) == (200, b"hello", "yes")
    assert requests[0].startswith(b"GET /path?waybill=SF+1 HTTP/1.1\r\n")
    assert b"X-Api-Key: k\r\n" in requests[0]
    assert b"Accept-Encoding: identity\r\n" in requests[0]


def test_redirect_is_an_answer_and_not_followed() -> None:
    def play(connection: socket.socket, _ending: Event) -> None:
        connection.sendall(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        )

    with answering(play) as (url, _requests):
        assert ask(url).status == 302


def test_compressed_body_is_not_opened() -> None:
    def play(connection: socket.socket, _ending: Event) -> None:
        connection.sendall(
            HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"
        )

    with answering(play) as (url, _requests):
        assert ask(url).body == b"\x1f\x8b\x08\x00"


@pytest.mark.parametrize("head", [b"Content-Length: 2000000\r\n\r\n", b"\r\n"], ids=["told", "not"])
def test_body_is_cut_when_it_goes_on_past_the_limit(head: bytes) -> None:
    def play(connection: socket.socket, _ending: Event) -> None:
        connection.sendall(HEAD + head)
        while True:
            connection.sendall(b"x" * 500)

    with answering(play) as (url, _requests), pytest.raises(AnswerTooLarge):
        ask(url)


def drip_head(connection: socket.socket, ending: Event) -> None:
    connection.sendall(HEAD)
    while not ending.wait(0.05):
        connection.sendall(b"X")


def drip_body(connection: socket.socket, ending: Event) -> None:
    connection.sendall(HEAD + b"Content-Length: 900\r\nConnection: close\r\n\r\n")
    while not ending.wait(0.05):
        connection.sendall(b"x")


def say_nothing(_connection: socket.socket, ending: Event) -> None:
    ending.wait(10)


@pytest.mark.parametrize("play", [drip_head, drip_body, say_nothing])
def test_exchange_ends_at_its_deadline_however_it_drips(play: Play) -> None:
    began = time.monotonic()

    with answering(play) as (url, _requests), pytest.raises(TimedOut):
        ask(url, timeout=0.5)

    assert time.monotonic() - began < 3


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", HEAD + b"Content-Length: 9\r\n\r\nx"])
def test_unreachable_when_the_answer_breaks_off(answer: bytes) -> None:
    def play(connection: socket.socket, _ending: Event) -> None:
        connection.sendall(answer)

    with answering(play) as (url, _requests), pytest.raises(Unreachable):
        ask(url)


def test_unreachable_when_nobody_listens() -> None:
    with pytest.raises(Unreachable):
        ask("http://127.0.0.1:1/")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "http://localhost/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://",
        "https://example.com:99999/",
        "nonsense",
    ],
)
def test_refused_before_anything_is_sent_when_the_scheme_is_not_open(url: str) -> None:
    with pytest.raises(AddressNotAllowed):
        ask(url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "10.0.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]", "[fd00::1]", "[fe80::1]", "0.0.0.0",  # noqa: S104 - refused
    ],
)  # fmt: skip
def test_refused_when_the_host_is_a_private_address(host: str, settings: Any) -> None:
    settings.OUTGOING_PRIVATE_HOSTS = []

    with pytest.raises(AddressNotAllowed):
        ask(f"https://{host}/")


def test_refused_when_one_of_the_addresses_of_a_name_is_private(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int, **_kind: Any) -> list[Any]:
        asked.append(host)
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("93.184.216.34", port)), (*kind, ("10.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    with pytest.raises(AddressNotAllowed):
        ask("https://shop.example.com/")

    assert asked == ["shop.example.com"]  # once: what was looked at is what is connected to


def test_private_host_is_open_at_the_port_that_is_named_only(settings: Any) -> None:
    def play(connection: socket.socket, _ending: Event) -> None:
        connection.sendall(HEAD + b"Content-Length: 0\r\n\r\n")

    with answering(play) as (url, _requests):
        settings.OUTGOING_PRIVATE_HOSTS = ["127.0.0.1:1"]
        with pytest.raises(AddressNotAllowed):
            ask(url)
        settings.OUTGOING_PRIVATE_HOSTS = [url.split("/")[2]]
        assert ask(url).status == 200


@pytest.mark.parametrize(
    ("address", "expected"),
    [("93.184.216.34", True), ("2606:4700::1", True), ("224.0.0.1", False), ("::", False)],
)
def test_address_is_public_when_anybody_may_have_it(address: str, expected: bool) -> None:
    assert is_public(ip_address(address)) is expected
