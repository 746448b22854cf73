"""Workers as processes of their own, and what the tests see of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

from openplatform.operations.models import Heartbeat

PATIENCE = 60.0  # seconds


def environment() -> dict[str, str]:
    """For a process that works on the database of the tests."""
    server = urlsplit(os.environ["DATABASE_URL"])
    database = urlunsplit(server._replace(path=f"/{connection.settings_dict['NAME']}"))
    return {**os.environ, "DATABASE_URL": database, "LOG_LEVEL": "INFO"}


class RunningWorker:
    """A worker whose log is kept in a file."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self._log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=settings.BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment(),
                start_new_session=True,
            )

    def events(self, name: str) -> list[dict[str, Any]]:
        """What it logged under this name."""
        lines = self._log.read_text().splitlines()
        events = [json.loads(line) for line in lines if line.startswith("{")]
        return [event for event in events if event["event"] == name]

    def children(self) -> list[int]:
        """The processes that run its parts."""
        listing = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        return [int(line) for line in listing.stdout.split()]


@contextmanager
def worker(log: Path, *arguments: str) -> Iterator[RunningWorker]:
    """A worker that is gone when the block ends, with all it started."""
    running = RunningWorker(log, *arguments)
    try:
        yield running
    finally:
        groups = [running.process.pid, *running.children()]
        running.process.kill()
        running.process.wait()
        for group in groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                continue


@contextmanager
def sample_worker(log: Path, *parts: str) -> Iterator[RunningWorker]:
    """A worker with these parts of ``tests.operations.sample_worker``."""
    with worker(log, "-m", "tests.operations.sample_worker", *parts) as running:
        yield running


def wait_until(is_so: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Until it is so, or the test fails."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def members(group: int) -> list[int]:
    """The processes of a group that run."""
    listing = subprocess.run(
        ["ps", "-e", "-o", "pid=,pgid="], capture_output=True, text=True, check=True
    )
    pairs = [tuple(map(int, line.split())) for line in listing.stdout.splitlines()]
    return [pid for pid, of in pairs if of == group and is_running(pid)]


def process_of(part: str) -> int:
    """The process that says that it runs this part."""
    return Heartbeat.objects.get(part=part).process_id
