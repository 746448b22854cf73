"""A key in several processes at once, as web workers are; and what they log of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from accounts.api.authentication import KEEP_SECONDS, KeyCache
from accounts.models import ApiKey
from accounts.services.keys import digest_of, revoke_key
from openplatform.core import clock
from tests.cast import Merchant, make_merchant

ROOT = Path(__file__).parents[2]
# Prints when each request began, by the clock that all processes share, and what came of it.
CALLER = """
import sys, time, django
django.setup()
from django.test import Client
client = Client(headers={"host": "localhost", "authorization": f"Bearer {sys.argv[1]}"})
client.get("/api/v1/account")
print("ready", flush=True)
end = time.monotonic() + float(sys.argv[2])
while (began := time.monotonic()) < end:
    answer = client.get("/api/v1/account")
    print(began, answer.status_code, answer.json().get("code"), flush=True)
"""
WRITER = """
import logging, sys, django
django.setup()
import structlog
from django.test import Client
from openplatform.core.errors import FieldInvalid
key = sys.argv[1]
client = Client(raise_request_exception=False, headers={"host": "localhost"})
bearer = {"Authorization": f"Bearer {key}"}
client.get("/api/v1/account", headers=bearer)
client.get(f"/api/v1/account?key={key}")
client.get(f"/api/v1/account?{key}=1", headers=bearer)
client.get(f"/api/v1/orders/{key}", headers=bearer)
client.post("/api/v1/orders", {"key": key, key: 1}, "application/json", headers=bearer)
client.post("/api/v1/orders", f"key={key}", "text/plain", headers=bearer)
client.post("/api/v1/orders", {}, "application/json", headers={**bearer, "Idempotency-Key": key})
client.get("/api/v1/account", headers={**bearer, "Signature": key, "Signature-Input": key})
client.get("/api/v1/account", headers={**bearer, "X-Forwarded-For": key, "User-Agent": key})
client.get("/healthz", headers={"Host": key})
client.get(f"/admin/login/?next={key}", headers={"Cookie": f"sessionid={key}"})

from accounts.api import views
def fail(*_args, **_kwargs):
    secret = key
    raise RuntimeError(f"no answer for {secret}")
views.GetAccountView.get = fail
assert client.get("/api/v1/account", headers=bearer).status_code == 500
logging.getLogger("django.request").critical("%s", bearer)
structlog.get_logger("x").error("refused", error=FieldInvalid(key), headers=bearer)
"""


def database_url() -> str:
    """The database of the tests, for a process of its own."""
    server = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(server._replace(path=f"/{connection.settings_dict['NAME']}"))


def start(program: str, *arguments: str, log_level: str) -> subprocess.Popen[str]:
    """Another process of the platform."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "DATABASE_URL": database_url(), "LOG_LEVEL": log_level},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.django_db(transaction=True)
def test_no_request_succeeds_a_second_after_a_revocation_when_two_processes_use_the_key(
    request: pytest.FixtureRequest,
) -> None:
    merchant = make_merchant("acme")
    callers = [start(CALLER, merchant.key, "4", log_level="CRITICAL") for _ in range(2)]
    for caller in callers:
        request.addfinalizer(caller.kill)
        assert caller.stdout is not None
        assert caller.stdout.readline() == "ready\n"

    time.sleep(0.5)
    revoke_key(prefix=merchant.key[:11], actor="test", now=clock.now())
    revoked = time.monotonic()

    for caller in callers:
        out, err = caller.communicate(timeout=60)
        assert (caller.returncode, err) == (0, "")
        calls = [
            (float(began), int(status), code)
            for began, status, code in (line.split() for line in out.splitlines())
        ]
        assert any(status == 200 for began, status, _code in calls if began < revoked)
        late = [call for call in calls if call[0] >= revoked + KEEP_SECONDS]
        assert late
        assert {(status, code) for _began, status, code in late} == {(401, "key_revoked")}
        first = next(began for began, status, _code in calls if status == 401)
        assert all(status == 401 for began, status, _code in calls if began >= first)


def test_each_cache_forgets_within_a_second_when_a_key_is_revoked(merchant: Merchant) -> None:
    caches = [KeyCache(), KeyCache()]
    digest = digest_of(merchant.key)
    for cache in caches:
        known = cache.get(digest)
        assert known is not None
        assert known.revoked_at is None

    revoke_key(prefix=merchant.key[:11], actor="test", now=clock.now())
    time.sleep(KEEP_SECONDS)

    for cache in caches:
        known = cache.get(digest)
        assert known is not None
        assert known.revoked_at is not None


@pytest.mark.django_db(transaction=True)
def test_key_never_reaches_a_log_when_it_is_sent_in_any_place() -> None:
    merchant = make_merchant("acme")

    writer = start(WRITER, merchant.key, log_level="INFO")
    out, err = writer.communicate(timeout=120)

    assert writer.returncode == 0, err
    secret = merchant.key.removeprefix("op_")
    for output in (out, err):
        assert secret not in output
        assert secret.lower() not in output.lower()
    lines = [json.loads(line) for line in err.splitlines()]
    assert sum(line["event"] == "request" for line in lines) == 12
    assert sum("no answer for op_***" in line.get("exception", "") for line in lines) == 1


def test_key_stands_nowhere_in_the_database_when_it_was_used(merchant: Merchant) -> None:
    merchant.api.get("/account")

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM accounts_apikey k WHERE k::text LIKE %s", [f"%{merchant.key}%"]
        )
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM audit_auditentry a WHERE a::text LIKE %s",
                       [f"%{merchant.key}%"])  # fmt: skip
        assert cursor.fetchone() == (0,)
    assert ApiKey.objects.get().prefix == merchant.key[:11]
