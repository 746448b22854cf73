"""Web servers and workers started and stopped, and the CPU time that processes have used."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from openplatform.demo.supervisor import ROOT, WEB_THREADS, WEB_WORKERS

READY_TIMEOUT = 60.0  # seconds
STOP_TIMEOUT = 20.0  # seconds
WORKER_STOP_TIMEOUT = 30.0  # seconds; it gives its parts half of that
HAS_PROC = Path("/proc/self/stat").exists()
TICKS = os.sysconf("SC_CLK_TCK")
# Fields of /proc/<pid>/stat behind the name in brackets, which may hold blanks.
PARENT, USER, SYSTEM, CHILDREN_USER, CHILDREN_SYSTEM = 1, 11, 12, 13, 14


class NotReady(Exception):
    """A web server ended or did not answer; the text ends with what it said."""


def parent_of(pid: int) -> int | None:
    """The parent's pid; None when there is no such process here."""
    fields = _stat(pid)
    return None if fields is None else int(fields[PARENT])


def command_of(pid: int) -> str:
    """The name of the program that a process runs; empty when there is no such process here."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def cpu_seconds(root: int) -> float:
    """What a process, its descendants, and those of them that have ended used since they began."""
    children: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for directory in Path("/proc").iterdir():
        if not directory.name.isdecimal():
            continue
        pid = int(directory.name)
        fields = _stat(pid)
        if fields is not None:
            children.setdefault(int(fields[PARENT]), []).append(pid)
            ticks = (fields[at] for at in (USER, SYSTEM, CHILDREN_USER, CHILDREN_SYSTEM))
            used[pid] = sum(int(tick) for tick in ticks) / TICKS
    total = 0.0
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        total += used.get(pid, 0.0)
        waiting.extend(children.get(pid, ()))
    return total


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()


class WebServer:
    """granian as in production: two workers of two threads, logs to nowhere."""

    def __init__(self, application: str, environment: Mapping[str, str]) -> None:
        self.port = _free_port()
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "granian", "--interface", "wsgi"),
                *("--workers", str(WEB_WORKERS), "--blocking-threads", str(WEB_THREADS)),
                *("--host", "127.0.0.1", "--port", str(self.port), "--no-ws", "--no-access-log"),
                *("--workers-kill-timeout", "10", application),
            ],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait_until_ready(self, path: str) -> None:
        """:raises NotReady: see there."""
        deadline = time.monotonic() + READY_TIMEOUT
        while not self._answers(path):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise NotReady(f"{self.process.args!r} does not answer {path}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End it: politely, then not."""
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)  # its session: its workers too
            self.process.wait()

    def _answers(self, path: str) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@contextmanager
def serving(application: str, environment: Mapping[str, str], *, path: str) -> Iterator[WebServer]:
    """A web server that answers on ``path``, for as long as the block lasts."""
    server = WebServer(application, environment)
    try:
        server.wait_until_ready(path)
        yield server
    finally:
        server.stop()


@contextmanager
def working(environment: Mapping[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """``manage.py worker``, for as long as the block lasts; logs to nowhere."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(WORKER_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()  # its parts notice, and end too
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
