"""Web, worker and a simulated provider of logistics as children of one small process.

    python -m openplatform.demo.supervisor --port PORT --data-dir DIRECTORY …

``manage.py run_platform`` prepares everything and then becomes this program. It stays alive as
long as the platform runs, so it loads nothing but the standard library.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent.parent
HOST = "127.0.0.1"
READY_TIMEOUT = 60.0  # seconds
STOP_TIMEOUT = 40.0  # seconds, then children are killed; the worker gives its parts 30
POLL = 0.25  # seconds
LOG_TAIL = 2000  # characters
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds before a child is started again
LIVES_AFTER = 60.0  # seconds; whoever ran for so long is started again after the first pause
WEB_WORKERS = 2
WEB_THREADS = 2


class PlatformFailed(Exception):
    """A child died or nothing came up; the text says which."""


class Stopped(Exception):
    """Somebody asked to stop."""


@dataclass
class Child:
    """A process, and what is known of it. One that is not ``started_again`` is vital."""

    command: Sequence[str]
    process: subprocess.Popen[bytes]
    is_started_again: bool
    started_at: float
    start_at: float | None = None  # again, once it has ended
    pause: float = FIRST_PAUSE


class Supervisor:
    """Starts, watches and ends the children; their output goes to files in ``logs``."""

    def __init__(
        self,
        *,
        port: int,
        logs: Path,
        stop_timeout: float = STOP_TIMEOUT,
        simulator_port: int | None = None,
        memory: Path | None = None,
    ) -> None:
        self.port = port
        self.logs = logs
        self.stop_timeout = stop_timeout
        self.logs.mkdir(parents=True, exist_ok=True)
        self.simulator_port = simulator_port
        self.memory = memory
        self.children: dict[str, Child] = {}
        self.is_stopping = False

    def note_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Signal handler: remember that it is time to stop."""
        self.is_stopping = True

    def start(self) -> None:
        """Web and worker, and the simulated provider of logistics where one is wanted."""
        if self.simulator_port is not None:
            self.start_child("simulator", *_simulator_command(self.simulator_port, self.memory))
        self.start_child("web", *_web_command(self.port))
        self.start_child("worker", *_manage("worker"), is_started_again=True)

    def start_child(self, name: str, *command: str, is_started_again: bool = False) -> None:
        """A child that the platform does not run without, or that is started again when it ends.

        Its log begins anew; the one before, of the platform's last run, is kept as ``.log.1``.
        """
        log = self._log(name)
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        process = self._start(name, command, mode="wb")
        self.children[name] = Child(command, process, is_started_again, time.monotonic())

    def _start(self, name: str, command: Sequence[str], *, mode: str) -> subprocess.Popen[bytes]:
        # In a session of its own, a child hears of Ctrl-C from us and not from the terminal.
        with self._log(name).open(mode) as log:
            return subprocess.Popen(  # noqa: S603 - our own commands
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """:raises PlatformFailed: when ``/readyz`` does not answer 200 in time."""
        deadline = time.monotonic() + READY_TIMEOUT
        while not self._is_ready():
            if time.monotonic() > deadline:
                raise PlatformFailed(
                    f"/readyz did not answer 200 within {READY_TIMEOUT:.0f} s.\n{self._tail('web')}"
                )
            self._pause()

    def walk(self) -> int:
        """Exit status of the walkthrough."""
        command = _manage(
            "walkthrough", "--base-url", f"http://{HOST}:{self.port}", "--ship-with-import"
        )
        walkthrough = subprocess.Popen(command, cwd=ROOT, start_new_session=True)  # noqa: S603 - ours
        try:
            while (status := walkthrough.poll()) is None:
                self._pause()
        finally:
            _end(walkthrough, self.stop_timeout)
        return status

    def stay(self) -> None:
        """:raises Stopped: at a signal; :raises PlatformFailed: when a child dies."""
        while True:
            self._pause()

    def stop(self) -> None:
        """End the children: politely, then not."""
        for child in self.children.values():
            if child.process.poll() is None:
                child.process.terminate()
        for child in self.children.values():
            _end(child.process, self.stop_timeout)

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _pause(self) -> None:
        time.sleep(POLL)
        if self.is_stopping:
            raise Stopped
        for name, child in self.children.items():
            status = child.process.poll()
            if status is not None and not child.is_started_again:
                raise PlatformFailed(f"{name} ended with status {status}.\n{self._tail(name)}")
            if status is not None:
                self._start_again(name, child, status)

    def _start_again(self, name: str, child: Child, status: int) -> None:
        now = time.monotonic()
        if child.start_at is None:
            if now - child.started_at > LIVES_AFTER:
                child.pause = FIRST_PAUSE
            child.start_at = now + child.pause
            child.pause = min(child.pause * 2, LONGEST_PAUSE)
            _say(
                f"{name} ended with status {status} and is started again.\n{self._tail(name)}",
                stream=sys.stderr,
            )
        elif now >= child.start_at:
            child.process = self._start(name, child.command, mode="ab")
            child.started_at, child.start_at = now, None

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def _tail(self, name: str) -> str:
        text = self._log(name).read_text(encoding="utf-8", errors="replace")
        return f"{self._log(name)} ends with:\n{text[-LOG_TAIL:]}"


def _web_command(port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "granian", "--interface", "wsgi"),
        *("--workers", str(WEB_WORKERS), "--blocking-threads", str(WEB_THREADS)),
        *("--host", HOST, "--port", str(port), "--no-ws", "--no-access-log"),
        *("--log-level", "warning", "--respawn-failed-workers"),
        *("--workers-kill-timeout", "10", "openplatform.wsgi:application"),
    ]


def _simulator_command(port: int, memory: Path | None) -> list[str]:
    # Not manage.py: without Django it takes a quarter of the memory.
    return [
        *(sys.executable, "-m", "openplatform.connectors.simulator", "--port", str(port)),
        *(("--memory", str(memory)) if memory is not None else ()),
    ]


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *arguments]


def _end(process: subprocess.Popen[bytes], timeout: float) -> None:
    """Make sure that a process and its children are gone."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its session: its own children too
        process.wait()


def _say(line: str, *, stream: IO[str] | None = None) -> None:
    target = stream or sys.stdout
    target.write(f"{line}\n")
    target.flush()


def _tell_addresses(demo_file: Path, base_url: str, logs: Path) -> None:
    _say(f"\nThe platform runs at {base_url}")
    _say(f"  back office  {base_url}/admin/")
    _say(f"  API docs     {base_url}/docs")
    _say(f"  logs         {logs}")
    if demo_file.exists():
        demo: dict[str, Any] = json.loads(demo_file.read_text(encoding="utf-8"))
        _say(f"Logins and keys of the demo (also in {demo_file}):")
        for user in demo["users"]:
            _say(f"  {user['username']:<12} {user['password']:<18} {user['role']}")
        for merchant in demo["merchants"]:
            _say(f"  {merchant['code']:<12} {merchant['key']}  {merchant['name']}")


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the platform until a signal.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--simulator-port", type=int, help="of a simulated provider of logistics")
    parser.add_argument("--walkthrough", action="store_true")
    parser.add_argument("--exit", action="store_true", help="end after the walkthrough")
    parser.add_argument("--stop-postgres", type=Path, help="an embedded server to end with --exit")
    return parser.parse_args()


def main() -> int:
    """Exit status: the walkthrough's, 1 for a failure, 0 when asked to stop."""
    options = _read_arguments()
    logs = options.data_dir / "logs"
    supervisor = Supervisor(
        port=options.port,
        logs=logs,
        simulator_port=options.simulator_port,
        memory=options.data_dir / "logistics_simulator.json",
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, supervisor.note_signal)
    status = 0
    try:
        supervisor.start()
        supervisor.wait_until_ready()
        if options.walkthrough:
            status = supervisor.walk()
        if not options.exit:
            _tell_addresses(options.data_dir / "demo.json", options.base_url, logs)
            _say("Ctrl-C ends it.")
            supervisor.stay()
    except Stopped:
        # Cut short, `--exit` has not shown what it was asked to show.
        status = 1 if options.exit else status
    except PlatformFailed as failure:
        _say(str(failure), stream=sys.stderr)
        status = 1
    finally:
        supervisor.stop()
        if options.exit and options.stop_postgres:
            module = "openplatform.core.embedded_postgres"
            command = [sys.executable, "-m", module, "stop", str(options.stop_postgres)]
            subprocess.run(command, cwd=ROOT, check=False)  # noqa: S603 - ours
    return status


if __name__ == "__main__":
    sys.exit(main())
