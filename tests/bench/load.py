"""A load client that costs little: keep-alive connections, requests ready as bytes, one thread."""

from __future__ import annotations

import re
import selectors
import socket
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

CONNECTIONS = 8
STALLED_AFTER = 30.0  # seconds without any answer
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


class Broken(Exception):
    """The server closed a connection or fell silent."""


@dataclass
class Load:
    """What a stretch of load came to. Times in seconds, ``latencies`` one for each answer."""

    answered: int = 0
    seconds: float = 0.0
    client_cpu: float = 0.0
    latencies: array[float] = field(default_factory=lambda: array("d"))
    refused: list[bytes] = field(default_factory=list)


def http_request(method: str, target: str, *, key: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    content = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    if not body and method == "POST":
        content = "Content-Length: 0\r\n"
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
    return f"{head}{content}\r\n".encode() + body


def drive(
    *, port: int, requests: Iterator[bytes], seconds: float, connections: int = CONNECTIONS
) -> Load:
    """Keep every connection busy with one request at a time, until the time or the requests end.

    Every request that was sent is waited for, so the answers can be counted against rows.

    :raises Broken: see there.
    """
    load = Load()
    with selectors.DefaultSelector() as selector:
        clients = [_Client(port) for _ in range(connections)]
        try:
            started, cpu = time.perf_counter(), time.process_time()
            deadline = started + seconds
            busy = 0
            for client in clients:
                selector.register(client.socket, selectors.EVENT_READ, client)
                busy += client.send(next(requests, None))
            while busy:
                ready = selector.select(STALLED_AFTER)
                if not ready:
                    raise Broken(f"no answer within {STALLED_AFTER:.0f} s")
                for key, _events in ready:
                    client = key.data
                    if not client.receive(load):
                        continue
                    more = next(requests, None) if time.perf_counter() < deadline else None
                    busy += client.send(more) - 1
            load.seconds = time.perf_counter() - started
            load.client_cpu = time.process_time() - cpu
        finally:
            for client in clients:
                client.socket.close()
    return load


class _Client:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=STALLED_AFTER)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.sent_at = 0.0

    def send(self, request: bytes | None) -> int:
        """How many requests are under way now: one, or none when there is nothing to send."""
        if request is None:
            return 0
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)
        return 1

    def receive(self, load: Load) -> bool:
        """Take what has come; whether the answer is whole."""
        part = self.socket.recv(262_144)
        if not part:
            raise Broken(f"connection closed after {self.received[:200]!r}")
        self.received += part
        head_length = self.received.find(b"\r\n\r\n")
        if head_length < 0:
            return False
        announced = CONTENT_LENGTH.search(self.received, 0, head_length + 2)
        if announced is None:  # then in chunks, the last of them empty
            if not self.received.endswith(b"\r\n0\r\n\r\n"):
                return False
        elif len(self.received) < head_length + 4 + int(announced[1]):
            return False
        load.latencies.append(time.perf_counter() - self.sent_at)
        if self.received.startswith(b"HTTP/1.1 2"):
            load.answered += 1
        else:
            load.refused.append(self.received)
        self.received = b""
        return True
