"""Work that goes on without anybody asking. Apps register it; ``manage.py worker`` runs it.

A loop looks for due work in the tables, which hold the truth, so any number of workers may run the
same loops and a killed one leaves nothing behind. A daily job runs through django-q2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

import structlog
from django.db import Error, connection

from openplatform.core.errors import TemporarilyUnavailable

log = structlog.get_logger(__name__)

PAUSE_AFTER_FAULT = 1.0  # seconds


@dataclass(frozen=True)
class Loop:
    """``run`` does a batch and says how much there was; after none, ``pause`` seconds go by."""

    name: str
    run: Callable[[], int]
    pause: float


@dataclass(frozen=True)
class DailyJob:
    """``function`` is the dotted path of a function without parameters that may run twice."""

    name: str
    function: str


LOOPS: list[Loop] = []
DAILY_JOBS: list[DailyJob] = []


def register_loop(name: str, run: Callable[[], int], *, pause: float) -> None:
    """Have the worker run this for as long as it lives."""
    LOOPS.append(Loop(name, run, pause))


def register_daily_job(name: str, function: str) -> None:
    """Have the worker see to it that this runs once a day."""
    DAILY_JOBS.append(DailyJob(name, function))


def run_loop(loop: Loop, stopping: Event) -> None:
    """Run a loop until told to stop. A fault of the database is waited out, on a new connection."""
    while not stopping.is_set():
        try:
            done = loop.run()
        except (Error, TemporarilyUnavailable) as error:
            log.warning("loop_interrupted", loop=loop.name, error=str(error))
            connection.close()
            stopping.wait(PAUSE_AFTER_FAULT)
            continue
        if not done:
            stopping.wait(loop.pause)
    connection.close()
