"""The embedded server, on data directories of its own: cold races, kills, stale files, users."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from openplatform.core import embedded_postgres
from openplatform.core.embedded_postgres import UNPRIVILEGED_ID, EmbeddedPostgresFailed

START = """
import sys
from pathlib import Path
from openplatform.core import embedded_postgres
print(embedded_postgres.ensure_running(Path(sys.argv[1]), durable=False))
"""


@pytest.fixture
def data() -> Iterator[Path]:
    """A data directory that does not exist yet, in a place whose name has a blank."""
    place = Path(tempfile.mkdtemp(prefix="open platform "))
    yield place / "postgres"
    embedded_postgres.stop(place / "postgres")
    shutil.rmtree(place)


def query(data: Path, statement: str) -> Any:
    with psycopg.connect(embedded_postgres.url(data), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchone() if cursor.description else None


def postmaster(data: Path) -> int:
    return int((data / "postmaster.pid").read_text().split()[0])


def test_one_server_starts_when_five_processes_race_for_it(data: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", START, str(data)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(5)
    ]

    answers = [racer.communicate(timeout=60)[0].strip() for racer in racers]

    assert [racer.returncode for racer in racers] == [0, 0, 0, 0, 0]
    assert sorted(answers) == ["False", "False", "False", "False", "True"]
    assert query(data, "SELECT current_database()") == ("openplatform",)


def test_committed_rows_are_there_when_the_server_was_killed(data: Path) -> None:
    embedded_postgres.ensure_running(data)
    query(data, "CREATE TABLE kept (number int)")
    query(data, "INSERT INTO kept VALUES (42)")
    os.kill(postmaster(data), signal.SIGKILL)
    deadline = time.monotonic() + 5
    while embedded_postgres.is_running(data) and time.monotonic() < deadline:
        time.sleep(0.01)

    assert embedded_postgres.ensure_running(data) is True

    assert query(data, "SELECT number FROM kept") == (42,)
    assert query(data, "SHOW fsync") == ("on",)
    assert query(data, "SHOW synchronous_commit") == ("on",)
    assert query(data, "SHOW full_page_writes") == ("on",)


def test_the_server_starts_when_stale_files_name_a_living_stranger(data: Path) -> None:
    embedded_postgres.ensure_running(data, durable=False)
    embedded_postgres.stop(data)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        stale = f"{stranger.pid}\n{data}\n"
        (data / "postmaster.pid").write_text(stale)
        (data.with_name("postgres.sock") / ".s.PGSQL.5432.lock").write_text(stale)

        assert embedded_postgres.ensure_running(data, durable=False) is True

        assert query(data, "SELECT 1") == (1,)
        assert stranger.poll() is None
        stranger.kill()


def test_a_stranger_lives_on_when_a_stale_file_names_it_at_stop(data: Path) -> None:
    data.mkdir()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n")

        embedded_postgres.stop(data)

        time.sleep(0.05)
        assert stranger.poll() is None
        stranger.kill()


def test_the_server_is_made_anew_when_its_making_was_interrupted(data: Path) -> None:
    draft = data.with_name("postgres.new")
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n")

    assert embedded_postgres.ensure_running(data, durable=False) is True

    assert query(data, "SELECT 1") == (1,)
    assert not draft.exists()


def test_the_database_is_made_when_its_starter_was_killed_before(data: Path) -> None:
    embedded_postgres.ensure_running(data, durable=False)
    with psycopg.connect(
        embedded_postgres.url(data), dbname="postgres", autocommit=True
    ) as connection:
        connection.execute("DROP DATABASE openplatform WITH (FORCE)")

    assert embedded_postgres.ensure_running(data, durable=False) is True

    assert query(data, "SELECT current_database()") == ("openplatform",)


def test_an_ordinary_user_runs_a_server(data: Path) -> None:
    owner = UNPRIVILEGED_ID if os.geteuid() == 0 else os.geteuid()
    if os.geteuid() == 0:
        os.chown(data.parent, owner, owner)

    # Forked, not executed: an ordinary user may be kept from root's interpreter.
    child = multiprocessing.get_context("fork").Process(target=_use_as, args=(owner, data))
    child.start()
    child.join(timeout=60)

    assert child.exitcode == 0
    assert data.stat().st_uid == owner
    assert not embedded_postgres.is_running(data)


def _use_as(owner: int, data: Path) -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(owner)
        os.setuid(owner)
    assert embedded_postgres.ensure_running(data, durable=False) is True
    assert embedded_postgres.ensure_running(data, durable=False) is False
    assert query(data, "SELECT current_user") == ("openplatform",)
    embedded_postgres.stop(data)


def test_the_server_ends_when_its_place_was_closed_to_others_since(data: Path) -> None:
    embedded_postgres.ensure_running(data, durable=False)
    data.parent.chmod(0o700)  # as pytest does with the place of every run, when another run begins

    embedded_postgres.stop(data)

    assert not embedded_postgres.is_running(data)
    assert not (data / "postmaster.pid").exists()


def test_two_checkouts_have_servers_of_their_own(tmp_path: Path) -> None:
    one, other = tmp_path / "one" / "postgres", tmp_path / "other" / "postgres"

    assert embedded_postgres.url(one) != embedded_postgres.url(other)


def test_the_socket_moves_when_its_path_would_be_too_long(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60) / "postgres"

    address = embedded_postgres.url(deep)

    assert address == embedded_postgres.url(deep)
    assert len(address.partition("host=")[2]) <= embedded_postgres.SOCKET_PATH_LIMIT


def test_nothing_starts_when_the_sockets_place_belongs_to_someone_else(data: Path) -> None:
    elsewhere = data.parent / "elsewhere"
    elsewhere.mkdir()
    data.with_name("postgres.sock").symlink_to(elsewhere)

    with pytest.raises(EmbeddedPostgresFailed, match="belongs to another user"):
        embedded_postgres.ensure_running(data, durable=False)

    assert not data.exists()
