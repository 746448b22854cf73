"""Receivers of webhooks that cost little: one thread, however many requests wait in it.

    python -m tests.bench.receiver

is one in a process of its own, which says its port. ``POST /50/…`` is answered after 50 ms; ``GET
/count`` tells how many came, and ``GET /arrivals`` which ones and when, and forgets them.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, cast

import uvloop

BACKLOG = 1024
STARTS_WITHIN = 20.0  # seconds


@dataclass(frozen=True, slots=True)
class Request:
    """``at`` is on the clock that all processes of a machine share (``time.monotonic``)."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def message_id(self) -> str:
        """What the sender calls the message."""
        return self.headers["webhook-id"]


class Answer(NamedTuple):
    """``status`` None hangs up without a word; ``after`` are seconds."""

    status: int | None = 204
    after: float = 0.0
    body: bytes = b""


Decide = Callable[[Request], Answer]


class _Conversation(asyncio.Protocol):
    """One connection; its requests come one after the other."""

    def __init__(self, decide: Decide, open_ones: set[asyncio.Transport]) -> None:
        self._decide = decide
        self._open_ones = open_ones
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not derived from it
        self._open_ones.add(self._transport)

    def connection_lost(self, fault: Exception | None) -> None:
        self._open_ones.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, rest = self._received.partition(b"\r\n\r\n")
        if not blank:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _version = first.split(" ")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
        }
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        self._received = rest[length:]
        answer = self._decide(Request(method, path, headers, rest[:length], time.monotonic()))
        if answer.after:
            asyncio.get_running_loop().call_later(answer.after, self._say, answer)
        else:
            self._say(answer)

    def _say(self, answer: Answer) -> None:
        if self._transport.is_closing():
            return  # the sender did not wait for it
        if answer.status is None:
            self._transport.abort()
            return
        head = f"HTTP/1.1 {answer.status} .\r\nContent-Length: {len(answer.body)}\r\n\r\n"
        # An answer without content says nothing of its length.
        self._transport.write(
            b"HTTP/1.1 204 .\r\n\r\n" if answer.status == 204 else head.encode() + answer.body
        )


async def _serve(decide: Decide, tell_port: Callable[[int], None], stopping: asyncio.Event) -> None:
    open_ones: set[asyncio.Transport] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Conversation(decide, open_ones), "127.0.0.1", 0, backlog=BACKLOG
    )
    tell_port(server.sockets[0].getsockname()[1])
    await stopping.wait()
    server.close()
    while open_ones:
        open_ones.pop().abort()
    await asyncio.sleep(0)  # so that the transports are told


@contextmanager
def receiving(decide: Decide) -> Iterator[str]:
    """The URL of a receiver in this process, for as long as the block lasts. ``decide`` is called
    by one thread alone.
    """
    ports: list[int] = []
    is_up, stopping, loop = threading.Event(), asyncio.Event(), uvloop.new_event_loop()

    def tell_port(port: int) -> None:
        ports.append(port)
        is_up.set()

    def run() -> None:
        loop.run_until_complete(_serve(decide, tell_port, stopping))
        loop.close()

    serving = threading.Thread(target=run, name="receiver")
    serving.start()
    try:
        assert is_up.wait(STARTS_WITHIN)
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        loop.call_soon_threadsafe(stopping.set)
        serving.join()


def main() -> None:
    """Until it is killed."""
    arrivals: list[Request] = []

    def decide(request: Request) -> Answer:
        if request.method == "POST":
            arrivals.append(request)
            return Answer(after=int(request.path.split("/")[1]) / 1000)
        if request.path == "/count":
            return Answer(200, body=str(len(arrivals)).encode())
        lines = [f"{request.message_id} {request.at!r}" for request in arrivals]
        arrivals.clear()
        return Answer(200, body="\n".join(lines).encode())

    def tell_port(port: int) -> None:
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()

    async def serve() -> None:
        await _serve(decide, tell_port, asyncio.Event())

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())


if __name__ == "__main__":
    main()
