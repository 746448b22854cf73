"""The receiver for integrators, spoken to over HTTP, as a program and inside this process."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from openplatform.messaging.receiver import MAX_BODY, Behaviour, Receiver, Reception
from openplatform.messaging.signatures import new_secret, signatures

SECRET = "whsec_QmVpIGplZGVyIFphaGwgendlaW1hbCBoaW5zZWhlbg=="
HOST = "127.0.0.1"
MESSAGE = {"id": "msg_1", "sequence": 7, "type": "test.ping", "data": {"name": "蓝牙耳机"}}
BODY = json.dumps(MESSAGE, ensure_ascii=False).encode()


@contextmanager
def receiving(**options: Any) -> Iterator[tuple[Receiver, list[Reception]]]:
    told: list[Reception] = []
    receiver = Receiver(HOST, 0, tell=told.append, **options)
    thread = Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver, told
    finally:
        receiver.end()
        thread.join(10)


def signed(
    body: bytes = BODY, *, message_id: str = "msg_1", secret: str = SECRET, age: int = 0
) -> dict[str, str]:
    timestamp = int(time.time()) - age
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures([secret], message_id, timestamp, body),
    }


def post(port: int, headers: dict[str, str], body: bytes = BODY) -> tuple[int, str | None]:
    """Status and ``Retry-After`` of the answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=20)
    try:
        connection.request("POST", "/hooks", body, headers)
        answer = connection.getresponse()
        assert answer.read() == b""
        return answer.status, answer.headers["Retry-After"]
    finally:
        connection.close()


def test_message_is_taken_when_it_is_signed() -> None:
    with receiving(secrets=[SECRET]) as (receiver, told):
        status = post(receiver.server_port, signed())

    assert status == (204, None)
    [reception] = told
    assert (reception.signature, reception.reason, reception.status) == ("valid", "", 204)
    assert (reception.message_id, reception.attempt, reception.is_duplicate) == ("msg_1", 1, False)
    assert reception.path == "/hooks"
    assert reception.message == MESSAGE


def test_message_is_known_again_when_it_was_taken_before() -> None:
    with receiving(secrets=[new_secret(), SECRET]) as (receiver, told):
        for message_id in ("msg_1", "msg_2", "msg_1"):
            assert post(receiver.server_port, signed(message_id=message_id)) == (204, None)

    assert [(one.message_id, one.attempt, one.is_duplicate) for one in told] == [
        ("msg_1", 1, False),
        ("msg_2", 1, False),
        ("msg_1", 2, True),
    ]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (lambda: signed(secret=new_secret()), "No signature fits the secret."),
        (lambda: signed(body=BODY + b" "), "No signature fits the secret."),
        (lambda: signed(age=4000), "The attempt was 400"),
        (dict, "The header webhook-id is missing."),
    ],
)
def test_message_is_refused_and_not_read_when_it_is_not_properly_signed(
    headers: Callable[[], dict[str, str]], reason: str
) -> None:
    with receiving(secrets=[SECRET]) as (receiver, told):
        status = post(receiver.server_port, headers())

    assert status == (401, None)
    [reception] = told
    assert (reception.signature, reception.status, reception.message) == ("invalid", 401, None)
    assert reception.reason.startswith(reason)


def test_message_is_taken_unchecked_when_no_secret_is_known() -> None:
    with receiving() as (receiver, told):
        status = post(receiver.server_port, signed(secret=new_secret()))

    assert status == (204, None)
    assert (told[0].signature, told[0].message) == ("unchecked", MESSAGE)


def test_fault_is_answered_and_the_next_attempt_is_no_duplicate_when_faults_are_asked_for() -> None:
    with receiving(
        secrets=[SECRET], behaviour=Behaviour(fail_rate=1.0, status=503, retry_after=9)
    ) as (receiver, told):
        assert post(receiver.server_port, signed()) == (503, "9")
        receiver.behaviour = Behaviour()
        assert post(receiver.server_port, signed()) == (204, None)

    assert [(one.status, one.attempt, one.is_duplicate) for one in told] == [
        (503, 1, False),
        (204, 2, False),
    ]


def test_about_a_share_fails_when_a_fail_rate_is_set() -> None:
    with receiving(behaviour=Behaviour(fail_rate=0.5)) as (receiver, _told):
        statuses = [receiver.choose_status() for _ in range(1000)]

    assert set(statuses) == {204, 500}
    assert 400 < statuses.count(500) < 600


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Transfer-Encoding": "chunked"}, 411),
        ({"Content-Length": "+5"}, 411),
        ({"Content-Length": str(MAX_BODY + 1)}, 413),
        ({"Content-Length": "9" * 5000}, 413),
    ],
)
def test_request_is_refused_unread_when_its_length_is_unknown_or_too_much(
    headers: dict[str, str], status: int
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with receiving(secrets=[SECRET]) as (receiver, told):
        with socket.create_connection((HOST, receiver.server_port), timeout=10) as connection:
            connection.sendall(f"POST / HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
            answer = connection.makefile("rb").read()

        assert post(receiver.server_port, signed()) == (204, None)
        assert len(told) == 1

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection: close" in answer


def test_signed_body_is_told_of_without_content_when_it_is_no_message() -> None:
    bodies = [b"[" * 200_000, b"\xff", b"[]", b""]
    with receiving(secrets=[SECRET]) as (receiver, told):
        statuses = [post(receiver.server_port, signed(body), body) for body in bodies]

    assert statuses == [(204, None)] * 4
    assert [one.message for one in told] == [None] * 4


def test_delay_is_cut_short_and_answered_when_it_ends() -> None:
    statuses: list[int] = []
    with receiving(secrets=[SECRET], behaviour=Behaviour(delay=60)) as (receiver, told):
        sender = Thread(
            target=lambda: statuses.append(post(receiver.server_port, signed())[0]), daemon=True
        )
        sender.start()
        sender.join(0.3)
        assert statuses == []

    sender.join(10)
    assert statuses == [204]
    assert len(told) == 1


# The command ---------------------------------------------------------------------------------


@contextmanager
def command(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """``manage.py receive_webhooks`` and the port where it listens."""
    with socket.create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "receive_webhooks", "--port", str(port), *arguments],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_until_it_listens(process, port)
        yield process, port
    finally:
        process.kill()
        process.communicate()


def _wait_until_it_listens(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None, process.communicate()
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def test_command_prints_a_line_for_each_and_ends_well_at_ctrl_c() -> None:
    with command("--secret", SECRET) as (process, port):
        assert post(port, signed()) == (204, None)
        assert post(port, signed()) == (204, None)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)

    first, one, two, sums = out.splitlines()
    assert first == f"Receiving webhooks at http://127.0.0.1:{port}/ Ctrl-C ends it."
    assert one[8:] == '  signed 204  #7 test.ping msg_1  {"name": "蓝牙耳机"}'
    assert two[8:] == (
        '  signed 204  #7 test.ping msg_1  again, taken before (2)  {"name": "蓝牙耳机"}'
    )
    assert sums == "2 requests: 1 messages taken, 0 answered with a fault, 0 refused."
    assert (process.returncode, err) == (0, "")


def test_command_fails_when_anything_was_refused() -> None:
    with command("--json", WEBHOOK_SECRET=f"{new_secret()} {SECRET}") as (process, port):
        assert post(port, signed()) == (204, None)
        assert post(port, signed(secret=new_secret(), message_id="a\x1b[31m")) == (401, None)
        process.terminate()
        out, err = process.communicate(timeout=20)

    one, two = (json.loads(line) for line in out.splitlines())
    assert {name: one[name] for name in one if name != "at"} == {
        "path": "/hooks",
        "signature": "valid",
        "reason": None,
        "status": 204,
        "id": "msg_1",
        "attempt": 1,
        "is_duplicate": False,
        "message": MESSAGE,
    }
    assert (two["signature"], two["status"], two["message"]) == ("invalid", 401, None)
    assert process.returncode == 1
    assert "1 requests were not properly signed." in err


def test_command_ends_by_itself_when_it_took_as_many_as_asked_for() -> None:
    with command("--secret", SECRET, "--count", "2", "--fail-rate", "0") as (process, port):
        for message_id in ("msg_1", "msg_1", "msg_\x1b[31m2"):
            assert post(port, signed(message_id=message_id)) == (204, None)
        out, err = process.communicate(timeout=20)

    assert "msg_?[31m2" in out
    assert "\x1b" not in out
    assert out.splitlines()[-1].startswith("3 requests: 2 messages taken, 0 ")
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--port", "0", "--secret", "whsec_short"], "--secret: A secret is whsec_ and the base64"),
        (["--port", "70000"], "a whole number up to 65535"),
        (["--port", "0", "--fail-rate", "1.5"], "a number from 0 to 1"),
        (["--port", "0", "--fail-rate", "nan"], "a number from 0 to 1"),
        (["--port", "0", "--delay", "-1"], "a number from 0 to 3600"),
        (["--port", "0", "--status", "100"], "a final status of HTTP"),
        (["--port", "0", "--status", "999"], "a status of HTTP"),
        (["--port", "0", "--retry-after", "5"], "--retry-after goes with --status 429 or 503"),
        (["--port", "0", "--host", "192.0.2.1"], "192.0.2.1:0 cannot be listened at"),
    ],
)
def test_command_is_refused_when_an_option_makes_no_sense(
    arguments: list[str], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command("receive_webhooks", *arguments)
