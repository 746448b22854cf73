"""Messages that come to a merchant by themselves, received and held against the feed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from http import HTTPStatus
from threading import Lock, Thread
from types import TracebackType
from typing import Self

from openplatform.demo.excerpts import message_shown, pick
from openplatform.demo.narration import Json, Narrator, WalkthroughFailed
from openplatform.messaging.receiver import Receiver, Reception

HOST = "127.0.0.1"
TIMEOUT = 30.0  # seconds until a message is here
POLL = 0.1  # seconds
ENDPOINTS = "/webhook-endpoints"
TEST = "test.ping"  # comes to the endpoint that it was asked for only


class PushedMessages:
    """A webhook endpoint at a receiver of our own, for as long as the block lasts.

    Other endpoints may name the same port, with other secrets: ours has a path of its own.

    :param port: of this machine, where the platform may send to.
    :raises WalkthroughFailed: when the port is taken.
    """

    def __init__(self, narrator: Narrator, *, port: int) -> None:
        self.narrator = narrator
        self._came: list[Reception] = []
        self._lock = Lock()
        self._path = f"walkthrough-{secrets.token_hex(4)}"
        self._endpoint_id = ""
        try:
            self._receiver = Receiver(HOST, port, tell=self._note)
        except OSError as error:
            raise narrator.failure("port_taken", port=port, reason=error) from error
        self._thread = Thread(
            target=self._receiver.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._endpoint_id:  # the day broke off: nobody listens there any more
            self.narrator.forget(f"{ENDPOINTS}/{self._endpoint_id}")
        self._receiver.end()
        self._thread.join()

    @property
    def _url(self) -> str:
        return f"{self._receiver.url}{self._path}"

    def register(self) -> None:
        """Have all messages sent here from now on."""
        self.narrator.begin("webhook")
        body = {"url": self._url, "types": [], "description": "walkthrough"}
        answer = self.narrator.call(
            "POST",
            ENDPOINTS,
            body,
            status=HTTPStatus.CREATED,
            show=pick("id", "url", "types", "status"),
        )
        self._endpoint_id = answer["id"]
        self._receiver.secrets = [answer["secret"]]

    def check(self, feed: Sequence[Json]) -> None:
        """Hold what came against what the feed says, and delete the endpoint.

        :param feed: everything that the feed has since the endpoint was registered.
        """
        self.narrator.begin("pushed")
        fed = [message for message in feed if message["type"] != TEST]
        came = self._await(fed)
        self.narrator.note_received(
            self._url,
            [message_shown(message) for message in came],
            status=HTTPStatus.NO_CONTENT,
        )
        pushed = {message["sequence"]: message for message in came}
        for message in fed:
            self.narrator.expect(
                pushed[message["sequence"]] == message, "not_as_fed", sequence=message["sequence"]
            )
        path = f"{ENDPOINTS}/{self._endpoint_id}"
        self.narrator.call("GET", path, show=pick("status", "last_delivered_sequence", "backlog"))
        self.narrator.call("DELETE", path, status=HTTPStatus.NO_CONTENT, show=lambda _body: None)
        self._endpoint_id = ""

    def _await(self, feed: Sequence[Json]) -> list[Json]:
        """The messages of the feed as they came, in the order of their first coming."""
        wanted = {message["id"] for message in feed}
        deadline = time.monotonic() + TIMEOUT
        while True:
            with self._lock:
                came = list(self._came)
            messages: dict[str, Json] = {}
            for reception in came:
                # What came before the secret was known here is unchecked, and good for once.
                self.narrator.expect(
                    reception.signature != "invalid", "not_signed", reason=reception.reason
                )
                messages.setdefault(reception.message_id, reception.message or {})
            missing = wanted - set(messages)
            if not missing:
                return [message for key, message in messages.items() if key in wanted]
            if time.monotonic() > deadline:
                raise self._failure(missing)
            time.sleep(POLL)

    def _failure(self, missing: set[str]) -> WalkthroughFailed:
        return self.narrator.failure(
            "not_pushed", seconds=int(TIMEOUT), missing=", ".join(sorted(missing))
        )

    def _note(self, reception: Reception) -> None:
        if reception.path == f"/{self._path}":
            with self._lock:
                self._came.append(reception)
