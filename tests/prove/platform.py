"""The whole platform as it runs in production: granian, the worker and a durable Postgres.

Each part may be killed at any moment; what would restart it in production (a service manager) is
played by :meth:`Platform.revive`.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import requests

from openplatform.core import embedded_postgres

ROOT = Path(__file__).parent.parent.parent
VICTIMS = ("web worker", "web", "worker", "postgres")


class Platform:
    """Web, worker and database of their own, in a directory of their own, on loopback."""

    def __init__(self, directory: Path) -> None:
        self.data = directory / "postgres"
        self.log = (directory / "platform.log").open("ab")
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database_url = embedded_postgres.url(self.data)
        self.environment = {
            **os.environ,
            "DATABASE_URL": self.database_url,
            "DATA_DIR": str(directory),
            "PORT": str(self.port),
            "LOG_LEVEL": "WARNING",
            # A few merchants stand for many here: counted like any other, and never stopped.
            "RATE_LIMIT_KEY": "1000000",
            "RATE_LIMIT_PARTNER": "1000000",
            "RATE_LIMIT_MISSING": "1000000",
        }
        self.parts: dict[str, subprocess.Popen[bytes]] = {}

    def set_up(self) -> list[str]:
        """An empty database with every table, then the stage; the merchants' keys."""
        embedded_postgres.ensure_running(self.data)
        self._run("manage.py", "migrate", "--verbosity", "0")
        return json.loads(self._run("-m", "tests.prove.stage"))  # type: ignore[no-any-return]

    def revive(self) -> None:
        """Start whatever does not run."""
        embedded_postgres.ensure_running(self.data)
        commands = {
            "web": [
                *("-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"),
                *("--port", str(self.port), "--workers", "2", "--blocking-threads", "2"),
                *("--respawn-failed-workers", "--no-access-log", "openplatform.wsgi:application"),
            ],
            "worker": ["manage.py", "worker", "--without-cluster"],
        }
        for name, arguments in commands.items():
            if name not in self.parts or self.parts[name].poll() is not None:
                self.parts[name] = subprocess.Popen(
                    [sys.executable, *arguments],
                    cwd=ROOT,
                    env=self.environment,
                    stdout=self.log,
                    stderr=self.log,
                    start_new_session=True,
                )

    def wait_until_ready(self, seconds: float = 60) -> None:
        """Until the web answers that it can do its work."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if requests.get(f"{self.url}/readyz", timeout=2).status_code == 200:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.2)
        raise AssertionError("the platform did not come up")

    def kill_something(self, dice: random.Random) -> str:
        """End one process at once, as a power cut would; which one."""
        victim: str = dice.choice(VICTIMS)
        self.kill(victim, dice)
        return victim

    def kill(self, victim: str, dice: random.Random) -> None:
        """End one of the ``VICTIMS``, or whatever else runs by that name, at once."""
        if victim == "postgres":
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
        elif victim == "web worker":
            children = children_of(self.parts["web"].pid)
            pid = dice.choice(children) if children else self.parts["web"].pid
        else:
            pid = self.parts[victim].pid
        for doomed in (pid, *(children_of(pid) if victim == "web" else ())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(doomed, signal.SIGKILL)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows straight from the database, past all of our code."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(statement).fetchall()

    def verify_books(self) -> dict[str, Any]:
        """The report of the command that an operator would run; it fails when books differ."""
        return json.loads(self._run("manage.py", "verify_books", "--json"))  # type: ignore[no-any-return]

    def tear_down(self) -> None:
        """End everything that was started."""
        for part in self.parts.values():
            part.terminate()
        for part in self.parts.values():
            try:
                part.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(part.pid, signal.SIGKILL)
                part.wait()
        embedded_postgres.stop(self.data)
        self.log.close()

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def children_of(pid: int) -> list[int]:
    """The processes that a process has begun itself."""
    listing = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(child) for child in listing.stdout.split()]
