"""Receivers of webhooks on the loopback, with faults where a test wants them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        """What the sender calls the message."""
        return self.headers["webhook-id"]

    @property
    def document(self) -> dict[str, Any]:
        """The message."""
        return json.loads(self.body)  # type: ignore[no-any-return]

    @property
    def sequence(self) -> int:
        """The message's number."""
        return self.document["sequence"]  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Answer:
    """What the receiver says."""

    status: int = 204
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


OK = Answer()


class Receiver:
    """Takes everything, unless ``answer`` says otherwise.

    ``most`` tells how many requests were under way at once, ``together`` which messages were.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], Answer] = lambda _received: OK
        self.under_way: list[Received] = []
        self.most = 0
        self.url = ""
        self._changed = threading.Condition()

    @property
    def sequences(self) -> list[int]:
        """In the order in which they came."""
        return [one.sequence for one in self.received]

    def wait_for(self, count: int) -> None:
        """Until so many requests have come."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.received) >= count, PATIENCE_SECONDS), (
                f"{len(self.received)} of {count} came"
            )

    def take(self, received: Received) -> Answer:
        """One request, on a thread of its own."""
        with self._changed:
            self.received.append(received)
            self.under_way.append(received)
            self.most = max(self.most, len(self.under_way))
            self._changed.notify_all()
        try:
            return self.answer(received)
        finally:
            with self._changed:
                self.under_way.remove(received)


def failing(status: int = 500, **headers: str) -> Callable[[Received], Answer]:
    """An answer for everything."""
    return lambda _received: Answer(status, b"no", headers)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver, for as long as the block runs."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = receiver.take(Received(self.path, headers, body))
            try:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
            except ConnectionError:
                self.close_connection = True  # the sender did not wait for it

        def log_message(self, *_args: Any) -> None:
            """Nothing: tests read ``received``."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hooks"
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            serving.join()
