"""What the client for many requests does beside what both do: it keeps connections, and is fair."""

from __future__ import annotations

import asyncio
import datetime
import gc
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from ipaddress import IPv4Address
from pathlib import Path
from threading import Event
from typing import Any

import certifi
import pytest
import requests.adapters
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings as project_settings

from openplatform.core.outgoing import async_client
from openplatform.core.outgoing.async_client import AsyncAnswer, AsyncClient
from openplatform.core.outgoing.faults import HeaderNotAllowed, TimedOut, Unreachable
from tests.core.outgoing.conftest import (
    OK,
    Ask,
    Play,
    answering,
    read_request,
    resolving,
    saying,
)

Conversation = Callable[[AsyncClient], Coroutine[Any, Any, Any]]


def talk(conversation: Conversation, *, timeout: float = 5.0) -> Any:
    async def run() -> Any:
        hosts = project_settings.OUTGOING_PRIVATE_HOSTS
        async with AsyncClient(timeout=timeout, private_hosts=hosts) as client:
            return await conversation(client)

    return uvloop.run(run())


async def post(client: AsyncClient, url: str, **headers: str) -> AsyncAnswer:
    return await client.post(url, headers=headers, body=b"{}")


def test_answer_tells_when_to_come_back_and_how_long_it_took() -> None:
    def play(connection: socket.socket, _ending: Event) -> None:
        time.sleep(0.1)
        connection.sendall(
            b"HTTP/1.1 429 Slow\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n"
            b"Content-Length: 4\r\n\r\nslow"
        )

    with answering(play) as (url, _requests):
        answer = talk(lambda client: post(client, url))

    assert answer == AsyncAnswer(429, b"slow", answer.duration_ms, "Wed, 21 Oct 2026 07:28:00 GMT")
    assert 100 <= answer.duration_ms < 3000


def test_connection_is_kept_for_the_next_request() -> None:
    received: list[bytes] = []

    def play(connection: socket.socket, _ending: Event) -> None:
        while request := read_request(connection):
            received.append(request)
            connection.sendall(OK)

    async def twice(client: AsyncClient) -> None:
        await post(client, url, name="first")
        await post(client, f"{url}/other", name="second")

    with answering(play, saying(b"never"), reads=False) as (url, _none):
        talk(twice)

    assert [read.split(b"\r\n")[0] for read in received] == [
        b"POST /path HTTP/1.1",
        b"POST /path/other HTTP/1.1",
    ]


def test_new_connection_is_made_when_the_kept_one_was_closed_meanwhile() -> None:
    async def twice(client: AsyncClient) -> tuple[int, int]:
        first = await post(client, url)
        await asyncio.sleep(0.1)
        return first.status, (await post(client, url)).status

    with answering(saying(OK)) as (url, received):
        assert talk(twice) == (200, 200)

    assert len(received) == 2


def test_request_is_sent_again_when_the_kept_connection_breaks_under_it() -> None:
    def play(connection: socket.socket, _ending: Event) -> None:
        connection.sendall(OK)
        read_request(connection)  # and no answer

    async def twice(client: AsyncClient) -> int:
        await post(client, url)
        return (await post(client, url)).status

    with answering(play, saying(OK)) as (url, received):
        assert talk(twice) == 200

    assert len(received) == 2


def test_connection_is_not_kept_when_the_receiver_says_more_than_it_should() -> None:
    def play(connection: socket.socket, ending: Event) -> None:
        connection.sendall(OK)
        time.sleep(0.1)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
        ending.wait(5)

    async def twice(client: AsyncClient) -> bytes:
        await post(client, url)
        await asyncio.sleep(0.3)
        return (await post(client, url)).answer

    with answering(play, saying(OK)) as (url, _received):
        assert talk(twice) == b"ok"


@pytest.mark.parametrize(
    "lengths",
    [
        b"Content-Length: 2\r\nContent-Length: 40\r\n",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
    ],
)
def test_connection_is_not_kept_when_two_lengths_are_told(lengths: bytes) -> None:
    def play(connection: socket.socket, ending: Event) -> None:
        connection.sendall(b"HTTP/1.1 503 Busy\r\n" + lengths + b"\r\n0\r\n\r\n" + OK)
        ending.wait(5)

    async def twice(client: AsyncClient) -> tuple[int, int]:
        return (await post(client, url)).status, (await post(client, url)).status

    with answering(play, saying(OK)) as (url, received):
        assert talk(twice) == (503, 200)

    assert len(received) == 2


def test_connections_are_let_go_when_they_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_client, "IDLE_SECONDS", 0.2)
    closed = Event()

    def play(connection: socket.socket, _ending: Event) -> None:
        connection.sendall(OK)
        assert connection.recv(1) == b""
        closed.set()

    async def once(client: AsyncClient) -> bool:
        await post(client, url)
        return await asyncio.to_thread(closed.wait, 5)

    with answering(play) as (url, _received):
        assert talk(once) is True


@pytest.mark.parametrize("scheme", ["http:", "https:"])
def test_nothing_stays_open_when_requests_end_early(scheme: str) -> None:
    async def give_up(client: AsyncClient) -> int:
        waiting = [asyncio.create_task(post(client, there)) for _number in range(5)]
        await asyncio.sleep(0.2)
        for task in waiting[:3]:
            task.cancel()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in ended] == [asyncio.CancelledError] * 3 + [TimedOut] * 2
        await asyncio.sleep(0.1)
        return len(os.listdir("/proc/self/fd"))

    async def give_up_twice(client: AsyncClient) -> int:
        return await give_up(client) - await give_up(client)

    def hang(connection: socket.socket, _ending: Event) -> None:
        while connection.recv(65536):  # until we hang up
            pass

    with answering(hang, reads=False) as (url, _none):
        there = url.replace("http:", scheme)
        assert talk(give_up_twice, timeout=0.5) == 0


def test_slow_receiver_does_not_delay_another() -> None:
    def hang(_connection: socket.socket, ending: Event) -> None:
        ending.wait(10)

    async def both(client: AsyncClient) -> int:
        slow = [asyncio.create_task(post(client, hanging)) for _number in range(20)]
        await asyncio.sleep(0.1)
        answer = await post(client, url)
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        return answer.duration_ms

    with answering(hang) as (hanging, _held), answering(saying(OK)) as (url, _received):
        assert talk(both) < 1000


def test_name_is_looked_up_once_for_all_who_wait_for_it(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.OUTGOING_PRIVATE_HOSTS = ["shop.example.com"]
    asked = []
    threads = set()

    def resolve(host: str, port: int, **_kind: Any) -> list[Any]:
        asked.append(host)
        threads.add(threading.current_thread())
        time.sleep(0.2)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    async def many(client: AsyncClient) -> list[int]:
        given_up = asyncio.create_task(post(client, there))
        waiting = [asyncio.create_task(post(client, there)) for _number in range(5)]
        await asyncio.sleep(0.05)
        given_up.cancel()
        return [answer.status for answer in await asyncio.gather(*waiting)]

    with answering(saying(OK)) as (url, _received):
        there = url.replace("127.0.0.1", "shop.example.com")
        assert talk(many) == [200] * 5

    assert asked == ["shop.example.com"]
    assert threading.main_thread() not in threads


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Name", "a\r\nX-Other: b"),
        ("X-Name", "a\nb"),
        ("X-Name", "a\x00b"),
        ("X-Name", "é"),
        ("X-Name: a\r\nX-Other", "b"),
        ("X Name", "b"),
        ("", "b"),
        ("Höhe", "b"),
        ("Host", "inside.example.com"),
        ("content-length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
    ],
)
def test_header_is_refused_when_it_could_be_read_as_more(name: str, value: str) -> None:
    async def send(client: AsyncClient) -> None:
        await client.post(url, headers={name: value}, body=b"{}")

    with answering(saying(OK)) as (url, received), pytest.raises(HeaderNotAllowed):
        talk(send)

    assert received == []


# TLS


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Certificate and key of ``shop.example.com`` and of 127.0.0.1, which both clients believe."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example.com")])
    now = datetime.datetime.now(datetime.UTC)
    alternatives = x509.SubjectAlternativeName(
        [x509.DNSName("shop.example.com"), x509.IPAddress(IPv4Address("127.0.0.1"))]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "receiver.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    monkeypatch.setattr(certifi, "where", lambda: str(path))
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(path))
    async_client._tls.cache_clear()
    yield path
    async_client._tls.cache_clear()


def secured(path: Path, names: list[str | None], received: list[bytes]) -> Play:
    """Answers over TLS; notes the name that was asked for, and the request."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)

    def note(_socket: Any, name: str | None, _context: Any) -> None:
        names.append(name)

    context.sni_callback = note

    def play(connection: socket.socket, _ending: Event) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            received.append(read_request(secure))
            secure.sendall(OK)

    return play


@pytest.mark.parametrize("host", ["shop.example.com", "127.0.0.1"])
def test_request_is_sent_when_the_certificate_is_of_the_host(
    ask: Ask, host: str, authority: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.OUTGOING_PRIVATE_HOSTS = [host]
    resolving(monkeypatch, "127.0.0.1")
    names: list[str | None] = []
    received: list[bytes] = []

    with answering(secured(authority, names, received), reads=False) as (url, _none):
        told = ask(url.replace("http:", "https:").replace("127.0.0.1", host))

    assert told == (200, b"ok")
    assert received[0].startswith(b"POST /path HTTP/1.1\r\n")
    assert names == [None if host == "127.0.0.1" else host]


def test_nothing_is_sent_when_the_certificate_is_of_another_host(
    ask: Ask, authority: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.OUTGOING_PRIVATE_HOSTS = ["other.example.com"]
    resolving(monkeypatch, "127.0.0.1")

    received: list[bytes] = []
    play = secured(authority, [], received)

    with answering(play, reads=False) as (url, _none), pytest.raises(Unreachable):
        ask(url.replace("http:", "https:").replace("127.0.0.1", "other.example.com"))

    assert received == []


def test_nothing_is_sent_when_nobody_vouches_for_the_certificate(
    ask: Ask, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    async_client._tls.cache_clear()

    received: list[bytes] = []
    play = secured(authority, [], received)

    with answering(play, reads=False) as (url, _none), pytest.raises(Unreachable):
        ask(url.replace("http:", "https:"))

    assert received == []


def test_exchange_ends_at_its_deadline_when_tls_is_not_begun(ask: Ask) -> None:
    def play(_connection: socket.socket, ending: Event) -> None:
        ending.wait(10)

    began = time.monotonic()

    with answering(play, reads=False) as (url, _received), pytest.raises(TimedOut):
        ask(url.replace("http:", "https:"), timeout=0.5)

    gc.collect()  # what is left open would warn
    assert time.monotonic() - began < 3
