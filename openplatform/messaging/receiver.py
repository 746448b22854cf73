"""A receiver of webhooks to try things with: checks each request and answers as it is told to.

It knows the published format and nothing of our tables, so it runs beside any platform. What it
does with a message is what an integrator's receiver should do: check the signature over the bytes
as they came, and know a message that it has taken before by its ``webhook-id``.
"""

from __future__ import annotations

import json
import random
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Lock
from typing import Any

from openplatform.core import clock
from openplatform.messaging.signatures import ID_HEADER, SignatureInvalid, verify

MAX_BODY = 16 * 1024 * 1024  # bytes; far more than any message has
REMEMBERED = 100_000  # messages
QUIET_TIMEOUT = 30.0  # seconds that a kept connection may be silent, or a body may stall
END_TIMEOUT = 5.0  # seconds that requests under way get when it ends
SUCCESS = range(200, 300)
RETRY_LATER = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


@dataclass(frozen=True)
class Behaviour:
    """How requests that are properly signed are answered.

    :param fail_rate: the share of them, 0 to 1, that is answered with ``status``.
    :param delay: seconds before each answer.
    :param retry_after: seconds that 429 and 503 ask the sender to wait.
    """

    fail_rate: float = 0.0
    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    delay: float = 0.0
    retry_after: int | None = None


@dataclass(frozen=True)
class Reception:
    """One request that came, and what it is answered.

    :param path: that it was sent to; several endpoints may share a receiver.
    :param signature: ``valid``, ``invalid``, or ``unchecked`` where no secret is known.
    :param reason: why it is invalid, else empty.
    :param attempt: how many times a message of this id has come by now.
    :param is_duplicate: whether one was answered with 2xx before.
    :param message: the body; None unless it may be read.
    """

    at: datetime
    path: str
    signature: str
    reason: str
    status: int
    message_id: str
    attempt: int
    is_duplicate: bool
    message: dict[str, Any] | None


class Receiver(ThreadingHTTPServer):
    """Listens on ``host`` and ``port`` (0: a free one) and tells of each request.

    :param secrets: of the endpoint; more than one while they change. May be set later.
    :param tell: called for one request at a time, before it is answered.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tell: Callable[[Reception], None],
        secrets: Sequence[str] = (),
        behaviour: Behaviour | None = None,
    ) -> None:
        super().__init__((host, port), _Handler)
        self.secrets = list(secrets)
        self.behaviour = behaviour or Behaviour()
        self.is_ending = Event()
        self._tell = tell
        self._seen: OrderedDict[str, tuple[int, bool]] = OrderedDict()  # times, whether taken
        self._lock = Lock()
        self._under_way = 0
        self._changed = Condition()

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}/"

    def end(self) -> None:
        """Take no more requests, and let those under way be answered. Not from the serving thread.

        A delay that is being waited out ends at once.
        """
        self.is_ending.set()
        self.shutdown()
        with self._changed:
            self._changed.wait_for(lambda: self._under_way == 0, END_TIMEOUT)
        self.server_close()

    def begin_request(self, step: int) -> None:
        """One request more under way, or (-1) one less."""
        with self._changed:
            self._under_way += step
            self._changed.notify_all()

    def judge(self, headers: dict[str, str], body: bytes) -> tuple[str, str]:
        """Whether a request is signed as it should be, and why not."""
        if not self.secrets:
            return "unchecked", ""
        try:
            verify(self.secrets, headers, body, clock.now())
        except SignatureInvalid as error:
            return "invalid", str(error)
        return "valid", ""

    def choose_status(self) -> int:
        """What the next good request is answered."""
        behaviour = self.behaviour
        # Faults to try things with: nobody gains by guessing them.
        fails = random.random() < behaviour.fail_rate  # noqa: S311
        return behaviour.status if fails else HTTPStatus.NO_CONTENT

    def note(
        self,
        path: str,
        headers: dict[str, str],
        body: bytes,
        verdict: tuple[str, str],
        status: int,
    ) -> None:
        """Remember the request, and tell of it."""
        judged, reason = verdict
        message_id = headers.get(ID_HEADER, "")
        is_good = judged != "invalid"
        message = _read_message(body) if is_good else None
        is_taken = is_good and status in SUCCESS
        with self._lock:
            times, was_taken = self._seen.pop(message_id, (0, False))
            times += 1
            if is_good:
                self._seen[message_id] = (times, was_taken or is_taken)
                if len(self._seen) > REMEMBERED:
                    self._seen.popitem(last=False)
            self._tell(
                Reception(
                    at=clock.now(),
                    path=path,
                    signature=judged,
                    reason=reason,
                    status=status,
                    message_id=message_id,
                    attempt=times,
                    is_duplicate=was_taken,
                    message=message,
                )
            )


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"
    timeout = QUIET_TIMEOUT
    disable_nagle_algorithm = True  # an answer is one small packet

    def do_POST(self) -> None:
        """A message, or something that pretends to be one."""
        self.server.begin_request(1)
        try:
            self._receive()
        except OSError:  # the sender has gone, or stalls
            self.close_connection = True
        finally:
            self.server.begin_request(-1)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what comes is told of by the receiver."""

    def _receive(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()):
            self._answer(HTTPStatus.LENGTH_REQUIRED, closes=True)
            return
        if len(length) > len(str(MAX_BODY)) or int(length) > MAX_BODY:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, closes=True)
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        verdict = self.server.judge(headers, body)
        status = HTTPStatus.UNAUTHORIZED
        if verdict[0] != "invalid":
            self.server.is_ending.wait(self.server.behaviour.delay)
            status = HTTPStatus(self.server.choose_status())
        # Noted before it is answered: the same message may come again at once.
        self.server.note(self.path, headers, body, verdict, status)
        self._answer(status, closes=self.server.is_ending.is_set())

    def _answer(self, status: HTTPStatus, *, closes: bool) -> None:
        self.send_response(status)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", "0")
        retry_after = self.server.behaviour.retry_after
        if status in RETRY_LATER and retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        if closes:
            self.send_header("Connection", "close")
        self.end_headers()


def _read_message(body: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None
