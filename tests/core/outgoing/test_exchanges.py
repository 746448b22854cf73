"""Requests that we send end in time, stay small, and go nowhere they should not: both clients."""

from __future__ import annotations

import gzip
import socket
import time
from threading import Event
from typing import Any

import pytest

from openplatform.core.outgoing.client import send_request
from openplatform.core.outgoing.faults import (
    AddressNotAllowed,
    AnswerTooLarge,
    HttpFault,
    TimedOut,
    Unreachable,
)
from tests.core.outgoing.conftest import (
    HEAD,
    OK,
    PRIVATE,
    PUBLIC,
    Ask,
    Play,
    answering,
    ask_async,
    resolving,
    saying,
)


def test_answer_is_told_as_it_came(ask: Ask) -> None:
    with answering(saying(HEAD + b"Content-Length: 5\r\n\r\nhello")) as (url, requests):
        told = ask(f"{url}?a=%20b&c", headers={"X-Api-Key": "k"}, body=b'{"a": 1}')

    assert told == (200, b"hello")
    head, _blank, body = requests[0].partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    assert first == b"POST /path?a=%20b&c HTTP/1.1"
    assert {b"X-Api-Key: k", b"Content-Length: 8", b"Accept-Encoding: identity"} <= set(lines)
    assert f"Host: {url.split('/')[2]}".encode() in lines
    assert body == b'{"a": 1}'


def test_parameters_and_headers_are_told_by_the_client() -> None:
    with answering(saying(HEAD + b"Content-Length: 0\r\nX-Word: yes\r\n\r\n")) as (url, requests):
        answer = send_request("GET", url, timeout=5, body_limit=10, parameters={"waybill": "SF 1"})

    assert answer.headers["X-Word"] == "yes"
    assert requests[0].startswith(b"GET /path?waybill=SF+1 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\n",
        HEAD + b"Connection: close\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 5\r\n\r\nhello",
    ],
    ids=["chunked", "until_close", "old", "continue"],
)
def test_body_is_read_however_its_end_is_told(ask: Ask, answer: bytes) -> None:
    with answering(saying(answer)) as (url, _requests):
        assert ask(url) == (200, b"hello")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_an_answer_and_not_followed(ask: Ask, status: int) -> None:
    with answering(saying(OK)) as (inside, inner_requests):
        answer = f"HTTP/1.1 {status} Go\r\nLocation: {inside}\r\nContent-Length: 0\r\n\r\n"
        with answering(saying(answer.encode())) as (url, _requests):
            assert ask(url).status == status

    assert inner_requests == []


def test_compressed_body_is_not_opened(ask: Ask) -> None:
    bomb = gzip.compress(b"\0" * 200_000)
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)

    with answering(saying(head + bomb)) as (url, _requests):
        assert ask(url).body == bomb


def say_ten_megabytes(connection: socket.socket, _ending: Event) -> None:
    connection.sendall(HEAD + b"Content-Length: 10485760\r\n\r\n")
    connection.sendall(b"x" * 10_485_760)


def say_endlessly(connection: socket.socket, ending: Event) -> None:
    connection.sendall(HEAD + b"\r\n")
    while not ending.is_set():
        connection.sendall(b"x" * 500)


def say_pieces_endlessly(connection: socket.socket, ending: Event) -> None:
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while not ending.is_set():
        connection.sendall(b"10\r\n" + b"x" * 16 + b"\r\n")


def bomb_endlessly(connection: socket.socket, ending: Event) -> None:
    connection.sendall(HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
    piece = gzip.compress(b"\0" * 10_000_000)
    while not ending.is_set():
        connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))


@pytest.mark.parametrize(
    "play", [say_ten_megabytes, say_endlessly, say_pieces_endlessly, bomb_endlessly]
)
def test_body_is_cut_when_it_goes_on_past_the_limit(ask: Ask, play: Play) -> None:
    with answering(play) as (url, _requests):
        if ask is ask_async:  # what the receiver says is not waited for: its status counts
            told = ask(url)
            assert (told.status, len(told.body)) == (200, 1024)
        else:
            with pytest.raises(AnswerTooLarge):
                ask(url)


def say_endless_headers(connection: socket.socket, ending: Event) -> None:
    connection.sendall(HEAD)
    while not ending.is_set():
        connection.sendall(b"X-Filler: " + b"x" * 1000 + b"\r\n")


def say_endless_continues(connection: socket.socket, ending: Event) -> None:
    while not ending.is_set():
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def test_exchange_ends_when_the_head_goes_on_past_the_limit(ask: Ask) -> None:
    with answering(say_endless_headers) as (url, _requests), pytest.raises(HttpFault):
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


def say_endless_trailers(connection: socket.socket, ending: Event) -> None:
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n")
    while not ending.is_set():
        connection.sendall(b"X-Filler: x\r\n" * 10)


@pytest.mark.parametrize("play", [drip_head, drip_body, say_nothing])
def test_exchange_ends_at_its_deadline_however_it_drips(ask: Ask, play: Play) -> None:
    began = time.monotonic()

    with answering(play) as (url, _requests), pytest.raises(TimedOut):
        ask(url, timeout=0.5)

    assert time.monotonic() - began < 3


@pytest.mark.parametrize("play", [say_endless_continues, say_endless_trailers])
def test_exchange_ends_when_what_frames_the_answer_does_not(ask: Ask, play: Play) -> None:
    began = time.monotonic()

    with answering(play) as (url, _requests):
        if ask is ask_async and play is say_endless_trailers:  # cut, as a body
            assert ask(url, timeout=0.5) == (200, b"")
        else:
            with pytest.raises(HttpFault):
                ask(url, timeout=0.5)

    assert time.monotonic() - began < 3


def test_exchange_ends_at_its_deadline_when_no_name_server_answers(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = Event()

    def hang(*_place: Any, **_kind: Any) -> list[Any]:
        ending.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "no name server")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    began = time.monotonic()

    try:
        with pytest.raises(TimedOut):
            ask("https://shop.example.com/", timeout=0.5)
    finally:
        ending.set()

    assert time.monotonic() - began < 3


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", HEAD + b"Content-Length: 9\r\n\r\nx"])
def test_unreachable_when_the_answer_breaks_off(ask: Ask, answer: bytes) -> None:
    with answering(saying(answer)) as (url, _requests), pytest.raises(Unreachable):
        ask(url)


def test_unreachable_when_nobody_listens(ask: Ask) -> None:
    with pytest.raises(Unreachable):
        ask("http://127.0.0.1:1/")


def test_unreachable_when_there_is_no_such_name(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_place: Any, **_kind: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    with pytest.raises(Unreachable):
        ask("https://shop.example.com/")


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
def test_refused_before_anything_is_sent_when_the_scheme_is_not_open(ask: Ask, url: str) -> None:
    with pytest.raises(AddressNotAllowed):
        ask(url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "10.0.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fd00::1]", "[fe80::1]", "[::127.0.0.1]",
        "0.0.0.0",  # noqa: S104 - refused
    ],
)  # fmt: skip
def test_refused_when_the_host_is_a_private_address(ask: Ask, host: str, settings: Any) -> None:
    settings.OUTGOING_PRIVATE_HOSTS = []

    with pytest.raises(AddressNotAllowed):
        ask(f"https://{host}/")


@pytest.mark.parametrize("private", [PRIVATE, "169.254.169.254", "::1", "::ffff:10.0.0.1"])
def test_refused_when_one_of_the_addresses_of_a_name_is_private(
    ask: Ask, private: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolving(monkeypatch, PUBLIC, private)

    with pytest.raises(AddressNotAllowed):
        ask("https://shop.example.com/")

    assert asked == ["shop.example.com"]  # once: what was looked at is what is connected to


def test_refused_when_a_name_moves_inside_after_it_was_looked_at(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.OUTGOING_PRIVATE_HOSTS = []
    with answering(saying(OK)) as (url, requests):
        port = int(url.split(":")[2].partition("/")[0])
        found = iter([PUBLIC, "127.0.0.1"])

        def resolve(_host: str, port: int, **_kind: Any) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(found), port))]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        assert socket.getaddrinfo("shop.example.com", port)[0][4][0] == PUBLIC  # at registration

        with pytest.raises(AddressNotAllowed):
            ask(f"https://shop.example.com:{port}/")

    assert requests == []


def test_connection_goes_to_the_address_that_was_looked_at(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.OUTGOING_PRIVATE_HOSTS = ["shop.example.com"]
    asked = resolving(monkeypatch, "127.0.0.1")

    with answering(saying(OK)) as (url, requests):
        told = ask(url.replace("127.0.0.1", "shop.example.com"))

    assert told == (200, b"ok")
    assert asked == ["shop.example.com"]
    assert b"\r\nHost: shop.example.com:" in requests[0]


def test_second_address_is_tried_when_nobody_listens_at_the_first(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.OUTGOING_PRIVATE_HOSTS = ["shop.example.com"]
    resolving(monkeypatch, "127.0.0.9", "127.0.0.1")

    with answering(saying(OK)) as (url, _requests):
        assert ask(url.replace("127.0.0.1", "shop.example.com")) == (200, b"ok")


def test_private_host_is_open_at_the_port_that_is_named_only(ask: Ask, settings: Any) -> None:
    with answering(saying(OK)) as (url, _requests):
        settings.OUTGOING_PRIVATE_HOSTS = ["127.0.0.1:1"]
        with pytest.raises(AddressNotAllowed):
            ask(url)
        settings.OUTGOING_PRIVATE_HOSTS = [url.split("/")[2]]
        assert ask(url).status == 200


def test_nothing_of_the_environment_is_used(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(saying(OK)) as (proxy, proxied):
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        with answering(saying(OK)) as (url, requests):
            assert ask(url) == (200, b"ok")

    assert proxied == []
    assert b"Authorization" not in requests[0]
