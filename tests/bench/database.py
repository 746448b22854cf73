"""A database of the benchmark's own, pgbench on it, and what is counted in it."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from openplatform.core import embedded_postgres
from openplatform.core.environment import read_text
from tests.bench import processes
from tests.bench.load import CONNECTIONS, Load

NAME = "openplatform_bench"
COPY = "openplatform_bench_among"
GENERIC_PLANS = "-c plan_cache_mode=force_generic_plan"  # as the platform's own connections
COUNTS = """
    SELECT (SELECT count(*) FROM orders_order) AS orders,
        (SELECT count(*) FROM orders_suborder) AS suborders,
        (SELECT count(*) FROM orders_orderline) AS lines,
        (SELECT count(*) FROM orders_orderevent) AS events,
        (SELECT count(*) FROM catalog_stockmovement) AS movements,
        (SELECT count(*) FROM messaging_outbox) AS messages,
        (SELECT count(*) FROM accounts_holdentry) AS holds,
        (SELECT count(*) FROM accounts_ledgerentry) AS entries,
        (SELECT count(*) FROM aftersales_claim) AS claims,
        (SELECT count(*) FROM aftersales_claimline) AS claim_lines,
        (SELECT count(*) FROM aftersales_claimevent) AS claim_events
"""
NOTHING = dict.fromkeys(
    ("orders", "suborders", "lines", "events", "movements", "messages", "holds", "entries",
     "claims", "claim_lines", "claim_events"), 0,
)  # fmt: skip
PLACED = {**NOTHING, "orders": 1, "suborders": 1, "lines": 3, "events": 1, "movements": 3,
          "messages": 1, "holds": 1}  # fmt: skip
CONFIRMED = {**NOTHING, "events": 2, "movements": 3, "messages": 1, "holds": 1,
             "entries": 1}  # fmt: skip
CLAIMED = {**NOTHING, "messages": 1, "claims": 1, "claim_lines": 3, "claim_events": 1}


class NotDurable(Exception):
    """The server would forget commits in a crash, so its rates say nothing."""


class PgbenchFailed(Exception):
    """The text is what pgbench said."""


@contextmanager
def own_database(data: Path) -> Iterator[str]:
    """The URL of an empty database on ``DATABASE_URL``'s server, or on an embedded one in ``data``.

    It is dropped in the end, and the embedded server stopped.

    :raises NotDurable: see there.
    """
    server = read_text("DATABASE_URL")
    has_started = False
    if not server:
        has_started = embedded_postgres.ensure_running(data)
        server = embedded_postgres.url(data)
    try:
        with psycopg.connect(server, autocommit=True) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                if connection.execute(f"SHOW {setting}").fetchone() != ("on",):
                    raise NotDurable(f"{setting} is off")
            _drop(connection)
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{NAME}"))
        finally:
            with psycopg.connect(server, autocommit=True) as connection:
                _drop(connection)
    finally:
        if has_started:
            embedded_postgres.stop(data)


@contextmanager
def copied_database(url: str) -> Iterator[str]:
    """The URL of a copy of the database, which nobody may use right now; for as long as the block
    lasts.
    """
    server = urlunsplit(urlsplit(url)._replace(path="/postgres"))
    copy, original = sql.Identifier(COPY), sql.Identifier(NAME)
    with psycopg.connect(server, autocommit=True) as connection:
        _drop(connection, COPY)
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(copy, original))
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{COPY}"))
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            _drop(connection, COPY)


def _drop(connection: psycopg.Connection[Any], database: str = NAME) -> None:
    name = sql.Identifier(database)
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


class Observer:
    """Looks at the database from aside: counts of rows, and the server's CPU time."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        backend = self.connection.info.backend_pid
        is_here = processes.HAS_PROC and processes.command_of(backend) == "postgres"
        self.postmaster = processes.parent_of(backend) if is_here else None

    def counts(self) -> dict[str, int]:
        """Rows of every table that placing, confirming and claiming write to."""
        cursor = self.connection.execute(COUNTS)
        row = cursor.fetchone() or ()
        return {
            column.name: number
            for column, number in zip(cursor.description or (), row, strict=True)
        }

    def cpu_seconds(self) -> float | None:
        """What the whole server used so far; None when it runs on another machine."""
        return None if self.postmaster is None else processes.cpu_seconds(self.postmaster)

    def settle(self) -> None:
        """Statistics for the planner, and no checkpoint due from what went before."""
        self.connection.execute("VACUUM ANALYZE")
        with suppress(psycopg.errors.InsufficientPrivilege):
            self.connection.execute("CHECKPOINT")


def run_pgbench(*, url: str, script: str, seconds: float, transactions: int | None = None) -> Load:
    """Drive a script by as many connections as the load client has, statements prepared.

    Runs for ``seconds``, or else until ``transactions`` are done.

    :raises PgbenchFailed: see there.
    """
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "script.sql")
        file.write_text(script)
        limit = (
            ["-T", str(max(round(seconds), 1))]
            if transactions is None
            else ["-t", str(max(transactions // CONNECTIONS, 1))]
        )
        before = _children_cpu()
        started = time.perf_counter()
        done = subprocess.run(
            [
                *(str(_pgbench()), "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "1"),
                *(*limit, "-f", str(file), "-l", "--log-prefix", str(Path(directory, "times"))),
                url,
            ],
            env={**os.environ, "PGOPTIONS": GENERIC_PLANS},
            capture_output=True,
            text=True,
            check=False,
        )
        elapsed = time.perf_counter() - started
        if done.returncode or "failed transactions: 0 " not in done.stdout:
            raise PgbenchFailed(done.stdout + done.stderr)
        latencies = array("d")
        for log in Path(directory).glob("times.*"):
            for line in log.read_text().splitlines():
                latencies.append(int(line.split()[2]) / 1e6)
    tps = next(line for line in done.stdout.splitlines() if line.startswith("tps = "))
    rate = float(tps.split()[2])  # without the time that connecting takes
    return Load(
        answered=len(latencies),
        seconds=len(latencies) / rate if rate else elapsed,
        client_cpu=_children_cpu() - before,
        latencies=latencies,
    )


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _pgbench() -> Path:
    return embedded_postgres._binaries() / "pgbench"
