"""Waiting for what the platform has to tell."""

from __future__ import annotations

import time
from collections.abc import Callable

from openplatform.demo.excerpts import message_shown
from openplatform.demo.narration import Json, Narrator

TIMEOUT = 120.0  # seconds
POLL = 0.5  # seconds


def await_message(
    narrator: Narrator, type: str, *, after: int, is_it: Callable[[Json], bool], what: str
) -> Json:
    """The data of the first message of a type behind a sequence that is the one; the feed is read
    until it comes.

    :param what: is missing, for whoever reads of it.
    :raises WalkthroughFailed: when it does not come in time.
    """
    deadline = time.monotonic() + TIMEOUT
    while True:
        answer = narrator.call(
            "GET",
            f"/messages?after={after}&type={type}",
            show=lambda body: [message_shown(message) for message in body["results"]],
            quiet_when_empty=True,
        )
        after = int(answer["next_after"])
        for message in answer["results"]:
            if is_it(message["data"]):
                data: Json = message["data"]
                return data
        narrator.expect(
            time.monotonic() < deadline, "not_told", type=type, what=what, seconds=int(TIMEOUT)
        )
        time.sleep(POLL)
