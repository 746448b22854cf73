"""Calls to the partner API, told as they happen and held against what they should answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import requests

from openplatform.demo import texts

API = "/api/v1"
LINKS = "/files/"  # addresses that open a file without a key
HTTP_TIMEOUT = 15.0  # seconds
BUSY = (429, 503)
BUSY_ATTEMPTS = 5
SHOWN_CHARACTERS = 500
SHOWN_OF_BODY = 320
SHOWN_OF_PATH = 110

Json = dict[str, Any]


class WalkthroughFailed(Exception):
    """Something was not as the contract promises; the text says what."""


@dataclass
class Call:
    """One request, and what of its answer is worth looking at."""

    method: str
    path: str
    body: Json | None
    status: int
    shows: Any


@dataclass
class Step:
    """A step of the day and the calls that it took."""

    name: str
    meaning: str
    calls: list[Call] = field(default_factory=list)


class Narrator:
    """Speaks to the platform as one merchant.

    :param tell: takes each line of the story as it happens.
    """

    def __init__(
        self, *, base_url: str, key: str, language: str, tell: Callable[[str], None]
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.language = language
        self.tell = tell
        self.steps: list[Step] = []
        self.last_path = ""
        self.was_replayed = False  # the last answer
        self.session, self._keyless = requests.Session(), requests.Session()
        for session in (self.session, self._keyless):
            session.trust_env = False  # a proxy or .netrc of the machine is none of the demo's
        self.session.headers["Authorization"] = f"Bearer {key}"
        self.session.headers["Accept-Language"] = "zh-hans" if language == "zh" else "en"

    def close(self) -> None:
        """Hang up."""
        self.session.close()
        self._keyless.close()

    def begin(self, name: str) -> None:
        """The next step of the day, by its name in ``texts.STEPS``."""
        step = Step(name, texts.say(texts.STEPS, name, self.language))
        self.steps.append(step)
        self.tell(f"\n{len(self.steps)}. {step.meaning}")

    def batch(self, path: str, codes: Sequence[str], *, show: Callable[[Json], Any]) -> list[Json]:
        """The results of a batch read.

        :raises WalkthroughFailed: unless there is one for each code, in their order.
        """
        results: list[Json] = self.call("GET", path, show=show)["results"]
        self.expect(
            [row["sku"] for row in results] == list(codes),
            "entries_missing",
            path=path.partition("?")[0],
        )
        return results

    def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        show: Callable[[Json], Any],
        headers: Mapping[str, str] | None = None,
        status: int = 200,
        quiet_when_empty: bool = False,
        file: tuple[str, bytes] | None = None,
    ) -> Json:
        """The answer's body, told and noted; waits when the platform asks to.

        :param file: name and content, sent as a form; the body are its other fields then.

        :raises WalkthroughFailed: for another status, or no answer.
        """
        self.last_path = path.partition("?")[0]
        response = self._send(method, path, body, headers, file)
        self.was_replayed = response.headers.get("Idempotent-Replayed") == "true"
        try:
            answer: Json = response.json()
        except requests.JSONDecodeError:
            answer = {"text": response.text[:SHOWN_CHARACTERS]}
        is_expected = response.status_code == status
        shows = show(answer) if is_expected else answer
        if shows or not quiet_when_empty or not is_expected:
            told = (
                body if file is None else {"file": f"{file[0]} ({len(file[1])} B)", **(body or {})}
            )
            call = Call(method, f"{API}{path}", told, response.status_code, shows)
            self.steps[-1].calls.append(call)
            self._tell_call(call)
        self.expect(
            is_expected,
            "status",
            method=method,
            path=_shorten(path),
            expected=status,
            status=response.status_code,
            answer=_shorten(_text(answer)),
        )
        return answer

    def upload(
        self,
        path: str,
        filename: str,
        content: bytes,
        *,
        show: Callable[[Json], Any],
        fields: Json | None = None,
        status: int = 201,
    ) -> Json:
        """Send a file as a form, with other fields of it; the answer's body, told and noted.

        :raises WalkthroughFailed: unless it is answered with this status.
        """
        return self.call("POST", path, fields, file=(filename, content), status=status, show=show)

    def download(self, path: str, *, show: Callable[[bytes], Any]) -> bytes:
        """A file, told and noted by what is worth seeing of it.

        :param path: under the API; of a link that needs no key, its path on the host.
        :raises WalkthroughFailed: unless it comes.
        """
        is_link = path.startswith(LINKS)
        shown = path.rpartition("/")[0] + "/…" if is_link else f"{API}{path}"
        self.last_path = shown
        try:
            response = (
                self._keyless.get(f"{self.base_url}{path}", timeout=HTTP_TIMEOUT)
                if is_link
                else self._send("GET", path, None, None, None)
            )
        except requests.RequestException as error:
            raise self.failure("unreachable", base_url=self.base_url, reason=error) from error
        is_expected = response.status_code == HTTPStatus.OK
        shows = show(response.content) if is_expected else response.text[:SHOWN_CHARACTERS]
        call = Call("GET", shown, None, response.status_code, shows)
        self.steps[-1].calls.append(call)
        self._tell_call(call)
        self.expect(
            is_expected, "status", method="GET", path=shown, expected=200,
            status=response.status_code, answer=shows,
        )  # fmt: skip
        return response.content

    def note_received(self, url: str, shows: Any, *, status: int) -> None:
        """What the platform sent to us, told and noted."""
        call = Call("POST", url, None, status, shows)
        self.steps[-1].calls.append(call)
        self._tell_call(call)

    def forget(self, path: str) -> None:
        """Delete something that we made, as well as that goes: the day has failed already."""
        with suppress(requests.RequestException):
            self.session.delete(f"{self.base_url}{API}{path}", timeout=HTTP_TIMEOUT)

    def _send(
        self,
        method: str,
        path: str,
        body: Json | None,
        headers: Mapping[str, str] | None,
        file: tuple[str, bytes] | None,
    ) -> requests.Response:
        for attempt in range(1, BUSY_ATTEMPTS + 1):
            try:
                response = self.session.request(
                    method,
                    f"{self.base_url}{API}{path}",
                    json=body if file is None else None,
                    data=None if file is None else body,
                    files=None if file is None else {"file": file},
                    headers=headers,
                    timeout=HTTP_TIMEOUT,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                raise self.failure("unreachable", base_url=self.base_url, reason=error) from error
            if response.status_code not in BUSY or attempt == BUSY_ATTEMPTS:
                break
            wait = response.headers.get("Retry-After", "")
            time.sleep(min(int(wait), 10) if wait.isdecimal() else 1)
        return response

    def _tell_call(self, call: Call) -> None:
        self.tell(f"   {call.method} {_shorten(call.path, SHOWN_OF_PATH)}")
        if call.body is not None:
            self.tell(f"       > {_shorten(_text(call.body), SHOWN_OF_BODY)}")
        self.tell(f"       < {call.status} {_shorten(_text(call.shows))}")

    def failure(self, key: str, **facts: object) -> WalkthroughFailed:
        """The error to raise, by its name in ``texts.FAILURES``."""
        return WalkthroughFailed(self.text_of(key, **facts))

    def text_of(self, key: str, **facts: object) -> str:
        """What went wrong, in the language of the story."""
        return texts.say(texts.FAILURES, key, self.language, **facts)

    def expect(self, is_so: bool, key: str, **facts: object) -> None:
        """:raises WalkthroughFailed: when it is not so."""
        if not is_so:
            raise self.failure(key, **facts)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _shorten(text: str, limit: int = SHOWN_CHARACTERS) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
