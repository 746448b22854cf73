"""The examples of docs/signed-requests.md, run as they stand there against a server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import LazySettings
from pytest_django.live_server_helper import LiveServer

from accounts.models import ApiKey, RequestNonce
from accounts.services.keys import create_key
from openplatform.core.scopes import Scope
from tests.cast import make_merchant

DOCS = Path(__file__).parents[2] / "docs"


def blocks(name: str) -> list[tuple[str, str]]:
    """Language and code of each example on a page."""
    text = (DOCS / name).read_text(encoding="utf-8")
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


PAIR_OF_KEYS, _CREATE_KEY, PYTHON, SHELL = (
    code for _language, code in blocks("signed-requests.md")
)


@pytest.fixture
def place(tmp_path: Path, live_server: LiveServer, settings: LazySettings) -> Path:
    """Where the examples run: a pair of keys made as the page says, the public half entered."""
    settings.PUBLIC_URL = live_server.url
    settings.ALLOWED_HOSTS = ["*"]
    make_merchant("acme")
    subprocess.run(["sh", "-ec", PAIR_OF_KEYS], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def run(place: Path, live_server: LiveServer, *command: str) -> str:
    """What an example prints."""
    _row, key = create_key(
        partner_code="acme",
        scopes=[Scope.CATALOG_READ],
        actor="test",
        public_key=(place / "public.pem").read_text(),
        requires_signature=True,
    )
    done = subprocess.run(
        command,
        env={**os.environ, "BASE_URL": live_server.url, "API_KEY": key},
        cwd=place,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.django_db(transaction=True)
def test_python_example_is_answered_twice_when_it_runs(
    place: Path, live_server: LiveServer
) -> None:
    printed = run(place, live_server, sys.executable, "-c", PYTHON).splitlines()

    key = ApiKey.objects.latest("id")
    assert printed == [
        f"200 {{'prefix': '{key.prefix}', 'scopes': ['catalog:read'], 'expires_at': None}}",
        "200 {'results': [{'sku': 'SKU-1', 'error': 'sku_not_available'}]}",
    ]
    assert RequestNonce.objects.filter(key=key).count() == 2


@pytest.mark.skipif(shutil.which("curl") is None, reason="the example calls curl")
@pytest.mark.django_db(transaction=True)
def test_shell_example_is_answered_when_it_runs(place: Path, live_server: LiveServer) -> None:
    printed = run(place, live_server, "sh", "-ec", SHELL)

    assert printed == '{"results":[{"sku":"SKU-1","error":"sku_not_available"}]}'
    assert RequestNonce.objects.filter(key=ApiKey.objects.latest("id")).count() == 1
    assert not (place / "to-sign.txt").exists()


def test_examples_are_the_same_in_both_languages() -> None:
    assert blocks("signed-requests.md") == blocks("signed-requests.zh-CN.md")
