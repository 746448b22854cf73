"""What ``/readyz`` says of the database and of the worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from openplatform.core import clock
from openplatform.core.background import PARTS
from openplatform.messaging.models import Outbox
from openplatform.operations.models import Heartbeat
from openplatform.operations.services.beating import forget_the_dead, note_beat

pytestmark = pytest.mark.django_db


def beat_everywhere(worker: str = "one:1", *, loops: float = 0.0) -> None:
    """A sign of life of every part now, and of the loops so many seconds ago."""
    for part in PARTS:
        note_beat(
            worker=worker,
            part=part.name,
            process_id=7,
            restarts=0,
            started_ago=3600.0,
            beat_ago=loops if part.name == "loops" else 0.0,
        )


def ask(client: Client, query: str = "") -> tuple[int, dict[str, Any]]:
    answer = client.get(f"/readyz{query}")
    return answer.status_code, answer.json()


def test_all_is_said_to_be_well_when_every_part_is_heard_of(client: Client) -> None:
    beat_everywhere()

    status, body = ask(client, "?of=worker")

    assert status == 200
    assert {name: body[name] for name in ("status", "database", "migrations")} == {
        "status": "ok",
        "database": "ok",
        "migrations": "ok",
    }
    assert body["worker"]["status"] == "ok"
    assert body["worker"]["outbox_seconds"] == 0.0
    assert set(body["worker"]["parts"]) == {part.name for part in PARTS}
    assert all(0 <= age < 5 for age in body["worker"]["parts"].values())


@pytest.fixture(params=["never heard of", "silent", "outbox"])
def _late(request: pytest.FixtureRequest) -> None:
    """A worker that is late, for one reason or another."""
    beat_everywhere(loops=61.0 if request.param == "silent" else 0.0)
    if request.param == "never heard of":
        Heartbeat.objects.filter(part="loops").delete()
    if request.param == "outbox":
        Outbox.objects.create(
            type="order.created",
            subject="order:1",
            partner_ids=[1],
            data={},
            created_at=clock.now() - timedelta(seconds=61),
        )


@pytest.mark.usefixtures("_late")
def test_web_is_ready_and_the_worker_is_not_when_that_is_late(client: Client) -> None:
    status, body = ask(client)
    assert (status, body["status"], body["worker"]["status"]) == (200, "ok", "late")

    status, body = ask(client, "?of=worker")
    assert (status, body["status"], body["worker"]["status"]) == (503, "worker_late", "late")


def test_worker_is_ready_when_one_of_two_is_silent(client: Client) -> None:
    beat_everywhere("one:1", loops=600.0)
    beat_everywhere("two:1")

    assert ask(client, "?of=worker")[0] == 200


def test_silent_parts_are_forgotten_after_a_day() -> None:
    beat_everywhere(loops=86_401.0)

    forget_the_dead()

    parts = set(Heartbeat.objects.values_list("part", flat=True))
    assert parts == {part.name for part in PARTS} - {"loops"}


def test_neither_is_ready_when_migrations_are_missing(client: Client) -> None:
    from openplatform.operations.health import _first_pending_migration

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'operations'")
    _first_pending_migration.cache_clear()

    assert ask(client) == (
        503,
        {"status": "migrations_pending", "database": "ok", "migrations": "pending"},
    )


@pytest.fixture
def _away() -> Iterator[None]:
    """No server where the database should be."""
    connection.close()
    port, connection.settings_dict["PORT"] = connection.settings_dict["PORT"], "1"
    yield
    connection.settings_dict["PORT"] = port


@pytest.mark.usefixtures("_away")
@pytest.mark.django_db(transaction=True)
def test_neither_is_ready_when_the_database_is_away(client: Client) -> None:
    assert ask(client) == (
        503,
        {"status": "database_unavailable", "database": "unavailable"},
    )
    assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize("of", ["foo", "", "Worker", "worker,web", "\x00"])
def test_known_ones_are_named_when_something_else_is_asked_for(client: Client, of: str) -> None:
    answer = client.get("/readyz", {"of": of})

    assert (answer.status_code, answer.json()) == (
        400,
        {"status": "unknown_of", "known": ["worker"]},
    )


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_not_allowed_when_health_is_only_read(path: str, method: str) -> None:
    answer = Client(enforce_csrf_checks=True).generic(method, path)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_head_is_answered_like_get(client: Client) -> None:
    beat_everywhere()

    assert [client.head(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
