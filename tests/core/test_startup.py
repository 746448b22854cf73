"""Which commands bring up the embedded Postgres."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openplatform.startup import needs_database

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "help",
        "help migrate",
        "--help",
        "-h",
        "--version",
        "version",
        "migrate --help",
        "migrate -h",
        "check",
        "check --deploy",
        "collectstatic --noinput",
        "spectacular --lang en --file openapi.yaml",
    ],
)
def test_database_is_not_needed_when_a_command_reads_no_row(line: str) -> None:
    assert not needs_database(["manage.py", *line.split()])


@pytest.mark.parametrize(
    "line",
    ["migrate", "run_platform", "makemigrations --check", "shell -c 1", "check --database default"],
)
def test_database_is_needed_when_a_command_may_ask_it(line: str) -> None:
    assert needs_database(["manage.py", *line.split()])


@pytest.mark.parametrize("line", ["help", "migrate --help", "check"])
def test_no_server_is_started_when_none_is_needed(tmp_path: Path, line: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}

    done = subprocess.run(
        [sys.executable, "manage.py", *line.split()],
        cwd=ROOT,
        env={**environment, "DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        check=True,
        text=True,
    )

    assert done.stdout
    assert not (tmp_path / "data" / "postgres").exists()
