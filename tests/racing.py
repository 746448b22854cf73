"""Calls that run at the same moment, each on a database connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connection

R = TypeVar("R")
PATIENCE_SECONDS = 60


def race(*calls: Callable[[], R]) -> list[R | BaseException]:
    """Start all calls together; in their order, what each gave or raised."""
    gate = Barrier(len(calls))

    def run(call: Callable[[], R]) -> R:
        try:
            connection.ensure_connection()
            gate.wait(timeout=PATIENCE_SECONDS)
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=len(calls)) as pool:
        futures = [pool.submit(run, call) for call in calls]
        return [future.exception(PATIENCE_SECONDS) or future.result() for future in futures]
