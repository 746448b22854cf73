"""Runs among several people and workers: one confirms, one writes, and none is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now

from catalog.imports.categories import CategoryImporter
from catalog.models import Category
from openplatform.audit.models import AuditEntry
from openplatform.core import clock, heartbeats
from openplatform.imports.errors import ImportStateConflict
from openplatform.imports.models import ImportRun
from openplatform.imports.services.running import LEASE, run_due_imports
from tests.imports.runs import checked, confirm, make_user, upload
from tests.racing import race

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def user() -> User:
    return make_user()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Event, Event]]:
    """An import that stops before its end: when it is there, and what lets it go on."""
    reached, go_on = Event(), Event()
    finish = CategoryImporter.finish

    def wait(importer: CategoryImporter) -> None:
        finish(importer)
        reached.set()
        assert go_on.wait(PATIENCE_SECONDS)

    monkeypatch.setattr(CategoryImporter, "finish", wait)
    monkeypatch.setattr(heartbeats, "BEAT", 0.05)
    yield reached, go_on
    go_on.set()


def working() -> Thread:
    """A worker, in a thread of its own."""

    def work() -> None:
        try:
            run_due_imports()
        finally:
            connection.close()

    thread = Thread(target=work)
    thread.start()
    return thread


def end_lease() -> None:
    ImportRun.objects.update(due_at=Now() - timedelta(seconds=1))


def seen(run: ImportRun, is_so: Callable[[ImportRun], bool]) -> bool:
    """Whether a run comes to be so, as others see it."""
    for _ in range(PATIENCE_SECONDS * 20):
        run.refresh_from_db()
        if is_so(run):
            return True
        Event().wait(0.05)
    return False


def test_one_wins_when_two_people_confirm_at_once(user: User) -> None:
    run = checked(user)
    others = [make_user(f"user{number}") for number in range(4)]

    answers = race(*[lambda other=other: confirm(run, other) for other in others])

    assert sorted(type(answer).__name__ for answer in answers) == [
        *["ImportStateConflict"] * 3, "NoneType",
    ]  # fmt: skip
    run.refresh_from_db()
    assert run.status == "importing"
    assert run.confirmed_by == others[answers.index(None)]
    assert AuditEntry.objects.filter(action="confirm_import").count() == 1


def test_second_confirmation_changes_nothing(user: User) -> None:
    run = checked(user)
    confirm(run, user)

    with pytest.raises(ImportStateConflict):
        confirm(run, make_user("late"))

    run.refresh_from_db()
    assert run.confirmed_by == user


def test_one_worker_takes_a_run_when_several_look(user: User) -> None:
    runs = [upload(user, f"code,name\nc{number},C\n") for number in range(2)]

    answers = race(*[run_due_imports] * 4)

    assert sorted(str(answer) for answer in answers) == ["0", "0", "1", "1"]
    assert set(ImportRun.objects.values_list("pk", "status", "claims")) == {
        (run.pk, "checked", 1) for run in runs
    }


def test_progress_shows_and_the_lease_lasts_while_the_transaction_is_open(
    user: User, slow: tuple[Event, Event]
) -> None:
    reached, go_on = slow
    run = upload(user)
    thread = working()
    assert reached.wait(PATIENCE_SECONDS)
    ImportRun.objects.update(due_at=Now() + timedelta(seconds=1))

    assert seen(run, lambda run: run.rows_done == 2)
    soon = clock.now() + LEASE / 2
    assert seen(run, lambda run: run.due_at is not None and run.due_at > soon)
    assert run.status == "checking"
    assert run_due_imports() == 0
    assert not Category.objects.exists()
    go_on.set()
    thread.join(PATIENCE_SECONDS)

    run.refresh_from_db()
    assert run.status == "checked"


def test_nothing_is_written_by_a_worker_that_has_lost_its_lease(
    user: User, slow: tuple[Event, Event]
) -> None:
    reached, go_on = slow
    run = upload(user)
    go_on.set()
    run_due_imports()
    confirm(run, user)
    reached.clear()
    go_on.clear()
    thread = working()
    assert reached.wait(PATIENCE_SECONDS)

    ImportRun.objects.update(claims=7)  # as when another worker has taken it over
    go_on.set()
    thread.join(PATIENCE_SECONDS)

    run.refresh_from_db()
    assert run.status == "importing"
    assert not Category.objects.exists()
    end_lease()
    assert run_due_imports() == 1
    run.refresh_from_db()
    assert (run.status, run.claims, run.report["created"]) == ("imported", 8, 2)
    assert Category.objects.count() == 2


def test_run_is_taken_up_again_when_its_worker_was_killed_in_the_middle(user: User) -> None:
    run = checked(user)
    confirm(run, user)
    server = urlsplit(os.environ["DATABASE_URL"])
    database = urlunsplit(server._replace(path=f"/{connection.settings_dict['NAME']}"))

    worker = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE_ITS_COMMIT, str(settings.MEDIA_ROOT)],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "openplatform.settings",
            "DATABASE_URL": database,
        },
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert worker.returncode == -signal.SIGKILL
    run.refresh_from_db()
    assert (run.status, run.attempts) == ("importing", 1)
    assert not Category.objects.exists()
    assert run_due_imports() == 0  # its lease still lasts
    end_lease()
    assert run_due_imports() == 1
    run.refresh_from_db()
    assert (run.status, run.attempts, run.report["created"]) == ("imported", 2, 2)
    assert Category.objects.count() == 2
    assert AuditEntry.objects.filter(action="import_file").count() == 1


# All is written but for the commit; then the power goes.
KILLED_BEFORE_ITS_COMMIT = """
import os, signal, sys
import django
django.setup()
from django.conf import settings
from openplatform.imports.services import running
settings.MEDIA_ROOT = sys.argv[1]
running.move = lambda *_args, **_fields: os.kill(os.getpid(), signal.SIGKILL)
running.run_due_imports()
"""
