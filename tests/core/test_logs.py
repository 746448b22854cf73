"""Logs: JSON lines, no key, no personal data."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from openplatform.core.logs import redact

ROOT = Path(__file__).parents[2]
KEY = "op_0123456789ABCDEFGHJKMNPQRSTVWXYZ01234567"
REQUESTS = """
import logging, sys, django
django.setup()
import structlog
from django.test import Client
client = Client(raise_request_exception=False, headers={"host": "localhost"})
key = sys.argv[1]
client.get(f"/api/v1/key?key={key}", headers={"X-Request-Id": "first-request"})
client.get(f"/api/v1/{key}/orders")
client.get("/api/v1/nothing", headers={"Authorization": f"Bearer {key}"})
client.get("/api/v1/nothing", headers={"X-Request-Id": key})
logging.getLogger("some.library").warning("sent %s to the partner", key)
structlog.get_logger("shop").info("placed", consignee={"name": "张三"}, order_no="S-1")
try:
    raise RuntimeError(f"{key} is not welcome")
except RuntimeError as error:
    structlog.get_logger("shop").error("failed", exc_info=error, cause=error)
from django.conf import settings
settings.ROOT_URLCONF = "tests.core.sample_urls"
client.get("/failing-page")
client.get("/no-such-page")
"""


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    """What a process that answers requests writes to standard error."""
    done = subprocess.run(
        [sys.executable, "-c", REQUESTS, KEY],
        env={**os.environ, "LOG_LEVEL": "INFO"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "op_0" not in done.stderr
    assert "op_0" not in done.stdout
    assert "张三" not in done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_key_is_not_logged_when_it_is_sent_in_the_query(lines: list[dict[str, Any]]) -> None:
    first = lines[0]

    assert {name: first[name] for name in ("event", "method", "path", "status", "request_id")} == {
        "event": "request",
        "method": "GET",
        "path": "/api/v1/key",
        "status": 401,
        "request_id": "first-request",
    }


def test_key_is_masked_when_it_is_sent_in_the_path(lines: list[dict[str, Any]]) -> None:
    assert (lines[1]["path"], lines[1]["status"]) == ("/api/v1/op_***/orders", 404)


def test_cause_is_logged_once_when_a_page_fails_unforeseen(lines: list[dict[str, Any]]) -> None:
    (fault,) = [line for line in lines if line["event"] == "unexpected_error"]

    assert (fault["path"], fault["level"]) == ("/failing-page", "error")
    assert 'raise RuntimeError("plain")' in fault["exception"]
    assert [line["status"] for line in lines[-3:] if line["event"] == "request"] == [500, 404]


def test_key_is_no_request_id_when_it_is_sent_as_one(lines: list[dict[str, Any]]) -> None:
    assert re.fullmatch("[0-9A-Z]{20}", lines[3]["request_id"])


def test_key_is_masked_when_a_library_logs_it(lines: list[dict[str, Any]]) -> None:
    (line,) = [line for line in lines if line.get("logger") == "some.library"]

    assert (line["event"], line["level"]) == ("sent op_*** to the partner", "warning")


def test_person_is_masked_and_the_number_stays_when_an_order_is_logged(
    lines: list[dict[str, Any]],
) -> None:
    (line,) = [line for line in lines if line["event"] == "placed"]

    assert (line["consignee"], line["order_no"]) == ("***", "S-1")


def test_key_is_masked_when_it_stands_in_an_exception(lines: list[dict[str, Any]]) -> None:
    (line,) = [line for line in lines if line["event"] == "failed"]

    assert "RuntimeError: op_*** is not welcome" in line["exception"]
    assert line["cause"] == "op_*** is not welcome"


def test_every_line_has_a_time_and_a_level(lines: list[dict[str, Any]]) -> None:
    assert len(lines) == 10
    assert all(line["timestamp"].endswith("Z") and line["level"] for line in lines)


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        ({"event": f"key {KEY} used"}, {"event": "key op_*** used"}),
        ({"a": [KEY, {"b": KEY}]}, {"a": ["op_***", {"b": "op_***"}]}),
        ({"a": {"Phone": "138", "sku": "A"}}, {"a": {"Phone": "***", "sku": "A"}}),
        ({"Authorization": "Bearer x"}, {"Authorization": "***"}),
        ({"count": 3, "done": True, "none": None}, {"count": 3, "done": True, "none": None}),
        ({"a": KEY.encode()}, {"a": "b'op_***'"}),
        ({"a": Path(f"/x/{KEY}")}, {"a": "/x/op_***"}),
    ],
)
def test_secrets_are_masked_wherever_they_stand(
    event: dict[str, Any], shown: dict[str, Any]
) -> None:
    assert redact(None, "info", event) == shown
