"""The receivers of docs/webhooks.md, run as they stand there and sent good and bad requests."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from openplatform.messaging.signatures import signature, signatures

DOCS = Path(__file__).parents[2] / "docs"
HOST = "127.0.0.1"
SECRET = "whsec_QmVpIGplZGVyIFphaGwgendlaW1hbCBoaW5zZWhlbg=="
OLD_SECRET = "whsec_RWluIGFuZGVyZXMgR2VoZWltbmlzLCBhdWNoIGxhbmc="
START_TIMEOUT = 60  # seconds; some are compiled first, beside other tests


@dataclass(frozen=True)
class Language:
    """One of the examples: the fence that it stands behind, its file, and how it is started."""

    fence: str
    file: str
    command: tuple[str, ...]
    reads_json: bool = True


LANGUAGES = (
    Language("python", "receiver.py", ("python3", "receiver.py")),
    Language("java", "Receiver.java", ("java", "Receiver.java"), reads_json=False),
    Language("php", "receiver.php", ("php", "-S", f"{HOST}:PORT", "receiver.php")),
    Language("go", "receiver.go", ("go", "run", "receiver.go")),
    Language("js", "receiver.mjs", ("node", "receiver.mjs")),
)


def blocks(name: str) -> list[tuple[str, str]]:
    """Language and content of each block on a page."""
    text = (DOCS / name).read_text(encoding="utf-8")
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@dataclass
class Running:
    """An example that listens."""

    language: Language
    port: int
    process: subprocess.Popen[str]

    def post(self, body: bytes, headers: dict[str, str]) -> int:
        """The status of its answer."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=20)
        try:
            connection.request("POST", "/hooks", body, headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def stop(self) -> list[str]:
        """End it; what it printed."""
        os.killpg(self.process.pid, signal.SIGTERM)  # `go run` starts what it compiled as a child
        out, _err = self.process.communicate(timeout=20)
        return out.splitlines()


@pytest.fixture(params=LANGUAGES, ids=lambda language: language.fence)
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    language: Language = request.param
    if shutil.which(language.command[0]) is None:
        pytest.skip(f"there is no {language.command[0]} on this machine")
    [code] = [code for fence, code in blocks("webhooks.md") if fence == language.fence]
    (tmp_path / language.file).write_text(code, encoding="utf-8")
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
    process = subprocess.Popen(
        [part.replace("PORT", str(port)) for part in language.command],
        cwd=tmp_path,
        env={
            **os.environ,
            "HOME": str(tmp_path),  # Go keeps what it compiled there
            "WEBHOOK_SECRET": SECRET,
            "PORT": str(port),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        wait_until_it_listens(process, port)
        yield Running(language, port, process)
    finally:
        with suppress(ProcessLookupError):  # it was stopped
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_until_it_listens(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        assert process.poll() is None, "it ended at once"
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "it does not listen"
            time.sleep(0.05)
        else:
            return


def message(sequence: int, type: str = "order.created") -> tuple[str, bytes]:
    """Its id and body, as they are sent."""
    message_id = f"msg_{sequence}"
    document = {
        "id": message_id,
        "sequence": sequence,
        "type": type,
        "timestamp": "2026-11-22T19:43:27.439153+08:00",
        "data": {"name": "蓝牙耳机 ☃ é", "nothing": None, "amount": "32.40"},
    }
    return message_id, json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def headers_of(message_id: str, body: bytes, *secrets: str, age: int = 0) -> dict[str, str]:
    timestamp = int(time.time()) - age
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures(secrets or [SECRET], message_id, timestamp, body),
    }


def forged_headers(message_id: str, body: bytes) -> dict[str, dict[str, str]]:
    """Headers that nobody should believe, by what is wrong with them."""
    good = headers_of(message_id, body)
    timestamp = int(good["webhook-timestamp"])
    odd_times = {
        f"time {text!r}": {**good, "webhook-timestamp": text}
        for text in ("soon", f"{timestamp}.0", f"+{timestamp}", f" {timestamp}0", "9" * 40, "-1")
    }
    return {
        "wrong secret": headers_of(message_id, body, OLD_SECRET),
        "six minutes old": headers_of(message_id, body, age=360),
        "six minutes ahead": headers_of(message_id, body, age=-360),
        "another body": {
            **good,
            "webhook-signature": signature(SECRET, message_id, timestamp, body + b" "),
        },
        "another id": {**good, "webhook-id": "msg_other"},
        "another time": {**good, "webhook-timestamp": str(timestamp + 1)},
        "another version": {
            **good,
            "webhook-signature": good["webhook-signature"].replace("v1,", "v2,"),
        },
        "no comma": {**good, "webhook-signature": "v1"},
        "no base64": {**good, "webhook-signature": "v1,é?"},
        "cut short": {**good, "webhook-signature": good["webhook-signature"][:-1]},
        "empty signature": {**good, "webhook-signature": ""},
        **odd_times,
        **{
            f"no {name}": {key: value for key, value in good.items() if key != name}
            for name in good
            if name.startswith("webhook-")
        },
    }


def test_example_takes_what_is_genuine_once_and_refuses_the_rest(running: Running) -> None:
    ping_id, ping = message(7, "test.ping")
    order_id, order = message(8)
    both = headers_of(order_id, order, OLD_SECRET, SECRET)
    forged = forged_headers(*message(9))

    taken = [
        running.post(ping, headers_of(ping_id, ping)),
        running.post(order, both),
        running.post(ping, headers_of(ping_id, ping)),
        running.post(ping, headers_of(ping_id, ping, age=240)),
    ]
    refused = {fault: running.post(message(9)[1], headers) for fault, headers in forged.items()}
    still = running.post(order, both)

    assert taken == [204] * 4
    assert refused == dict.fromkeys(forged, 401)
    assert still == 204
    printed = running.stop()
    if running.language.reads_json:
        assert printed == ["7 test.ping", "8 order.created"]
    else:
        assert [line.partition(" ")[0] for line in printed] == [ping_id, order_id]


def test_every_example_and_command_is_the_same_in_both_languages() -> None:
    def code(name: str) -> list[tuple[str, str]]:
        return [(fence, content) for fence, content in blocks(name) if fence != "text"]

    assert code("webhooks.md") == code("webhooks.zh-CN.md")
    assert [
        len([1 for fence, _ in code("webhooks.md") if fence == one.fence]) for one in LANGUAGES
    ] == [1] * 5
