"""Row 33 of the table of bad input: links that open one file for ten minutes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings as platform
from django.core import signing
from django.core.signing import Signer
from django.test import Client
from pytest_django.fixtures import Settings

from openplatform.core.uploads.files import CleanFile
from openplatform.core.uploads.links import SALT, signed_link
from openplatform.core.uploads.storage import delete_quietly, store_file

NOW = datetime(2026, 11, 22, 4, 0, 0, 123_456, tzinfo=UTC)
LONG_AGO = "samples/2020/01/ABCDEFGHJKMNPQRSTVWXYZ0123.pdf"


@pytest.fixture
def name(files: Path, rows: set[str]) -> str:
    """A stored picture."""
    return store_file(CleanFile(b"pixels", "png"), folder="samples", now=NOW)


def ask(url: str, method: str = "GET", **headers: str) -> Any:
    path = url.removeprefix(platform.PUBLIC_URL)
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    return client.generic(method, path, headers=headers)


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def assert_refused(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
    assert "Set-Cookie" not in answer.headers


def test_the_picture_is_shown_and_nothing_else_may_happen_when_the_link_is_good(name: str) -> None:
    url, _expires_at = signed_link(name, filename="proof.png")

    answer = ask(url)

    assert (answer.status_code, body(answer)) == (200, b"pixels")
    headers = {key: value for key, value in answer.headers.items() if key != "X-Request-Id"}
    assert headers == {
        "Content-Type": "image/png",
        "Content-Length": "6",
        "Content-Disposition": 'inline; filename="proof.png"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    assert not answer.cookies


@pytest.mark.parametrize(
    ("extension", "media_type"),
    [
        ("pdf", "application/pdf"),
        ("csv", "text/csv; charset=utf-8"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ],
)
def test_the_file_is_saved_under_its_name_when_it_is_no_picture(
    files: Path, rows: set[str], extension: str, media_type: str
) -> None:
    name = store_file(CleanFile(b"rows", extension), folder="samples", now=NOW)
    url, _expires_at = signed_link(name, filename=f'../对账单 "{extension}"\r\nX: y.{extension}')

    answer = ask(url)

    assert answer.headers["Content-Type"] == media_type
    assert answer.headers["Content-Disposition"] == (
        f"attachment; filename*=utf-8''%E5%AF%B9%E8%B4%A6%E5%8D%95%20{extension}X%20y.{extension}"
    )
    assert body(answer) == b"rows"


def test_it_is_called_by_its_random_name_when_it_has_no_other(name: str) -> None:
    answer = ask(signed_link(name)[0])

    assert answer.headers["Content-Disposition"] == f'inline; filename="{Path(name).name}"'
    body(answer)


def test_only_the_head_comes_when_only_it_is_asked_for(name: str) -> None:
    answer = ask(signed_link(name)[0], "HEAD")

    assert (answer.status_code, answer.headers["Content-Length"]) == (200, "6")
    answer.close()


def test_the_link_works_for_ten_minutes_and_no_longer(name: str) -> None:
    url, expires_at = signed_link(name, now=NOW)

    assert expires_at == datetime(2026, 11, 22, 4, 10, tzinfo=UTC)
    with time_machine.travel(expires_at - timedelta(seconds=1), tick=False):
        assert body(ask(url)) == b"pixels"
    with time_machine.travel(expires_at, tick=False):
        assert_refused(ask(url), 410, "link_expired")


def test_the_time_of_a_link_is_a_setting(name: str, settings: Settings) -> None:
    settings.FILE_LINK_SECONDS = 5

    assert signed_link(name, now=NOW)[1] == datetime(2026, 11, 22, 4, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize("at", [0, 5, 40, -1, -20])
def test_nothing_is_there_when_the_link_was_changed(name: str, at: int) -> None:
    start, slash, token = signed_link(name)[0].rpartition("/")
    changed = list(token)
    changed[at] = "B" if changed[at] == "A" else "A"

    assert_refused(ask(f"{start}{slash}{''.join(changed)}"), 404, "not_found")


def test_nothing_is_there_when_the_link_is_cut_short_or_grows(name: str) -> None:
    url = signed_link(name)[0]

    for changed in (url[:-1], url + "x", url + ":", url + "/", url + "/..", url + "%00"):
        assert_refused(ask(changed), 404, "not_found")


@pytest.mark.parametrize(
    "token",
    [
        Signer(salt="another").sign_object([LONG_AGO, "a.pdf", 9_999_999_999]),
        Signer().sign_object([LONG_AGO, "a.pdf", 9_999_999_999]),
        signing.dumps([LONG_AGO, "a.pdf", 9_999_999_999], salt=SALT),
        Signer(key="x" * 50, salt=SALT).sign_object([LONG_AGO, "a.pdf", 9_999_999_999]),
        Signer(salt=SALT).sign("not-an-object"),
        Signer(salt=SALT).sign_object(["too", "short"]),
    ],
)
def test_nothing_is_there_when_the_token_was_signed_for_something_else(token: str) -> None:
    assert_refused(ask(f"/files/{token}"), 404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/files/",
        "/files/x",
        "/files/..",
        "/files/../secret_key",
        "/files/..%2f..%2fsecret_key",
        "/files/%2e%2e/secret_key",
        "/files/....//secret_key",
        "/files/%00",
        "/files/％",
        "/files/" + "x" * 5000,
        "/files/samples/2026/11/ABC.png",
    ],
)
def test_nothing_is_there_when_a_path_is_guessed(path: str) -> None:
    assert_refused(ask(path), 404, "not_found")


def test_nothing_is_there_when_the_file_is_gone(name: str) -> None:
    url = signed_link(name)[0]
    delete_quietly(name)

    assert_refused(ask(url), 404, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_refused_when_a_link_is_asked_to_do_more_than_show(name: str, method: str) -> None:
    answer = ask(signed_link(name)[0], method)

    assert_refused(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD"


def test_a_refusal_is_told_in_chinese_when_asked_for(name: str) -> None:
    url, expires_at = signed_link(name)
    with time_machine.travel(expires_at):
        answer = ask(url, **{"Accept-Language": "zh-hans"})

    assert_refused(answer, 410, "link_expired")
    assert answer.headers["Content-Language"] == "zh-hans"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../secret_key",
        "samples/2026/11/../../../secret_key",
        "samples/2026/11/ABC.png",
        "/etc/passwd",
        LONG_AGO.replace(".pdf", ".exe"),
        LONG_AGO + "\n",
        LONG_AGO.replace("samples", "Samples"),
    ],
)
def test_no_link_is_made_when_it_is_not_the_name_of_a_stored_file(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a stored file"):
        signed_link(name)


REQUESTS = """
import sys, django
django.setup()
from django.test import Client
client = Client(
    raise_request_exception=False, enforce_csrf_checks=True, headers={"host": "localhost"}
)
client.get(f"/files/{sys.argv[1]}")
client.post(f"/files/{sys.argv[1]}")
client.get("/files/../secret_key")
"""


def test_the_token_is_not_logged_when_a_link_is_used() -> None:
    token = signed_link(LONG_AGO)[0].rpartition("/")[2]

    done = subprocess.run(
        [sys.executable, "-c", REQUESTS, token],
        env={**os.environ, "LOG_LEVEL": "INFO"},
        cwd=platform.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["path"], line["status"]) for line in lines] == [
        ("/files/***", 404),
        ("/files/***", 405),
        ("/files/***", 404),
    ]
    assert token[:40] not in done.stderr
