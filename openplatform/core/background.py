"""Work that goes on without anybody asking. Apps register it; ``manage.py worker`` runs it.

A loop looks for due work in the tables, which hold the truth, so any number of workers may run the
same loops and a killed one leaves nothing behind. A daily job runs through django-q2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, local

import structlog
from django.db import Error, connection

from openplatform.core.errors import TemporarilyUnavailable

log = structlog.get_logger(__name__)

PAUSE_AFTER_FAULT = 1.0  # seconds
TURN_TAKES = 90.0  # seconds at most, between two signs of life
BEATS_WITHIN = 60.0  # seconds
LONG_PAUSE = 5.0  # seconds for which a connection is not kept


@dataclass(frozen=True)
class Loop:
    """``run`` does a batch and says how much there was; after none, ``pause`` seconds go by.

    A turn that takes more than ``turn_takes`` seconds without :func:`note_progress` hangs.
    """

    name: str
    run: Callable[[], int]
    pause: float
    turn_takes: float = TURN_TAKES


@dataclass(frozen=True)
class DailyJob:
    """``function`` is the dotted path of a function without parameters that may run twice."""

    name: str
    function: str


@dataclass(frozen=True)
class Part:
    """What the worker runs in a process of its own. ``run`` is the dotted path of a function.

    It is called as ``run(stopping, beat)``: it returns soon after ``stopping`` is set, and calls
    ``beat()``, which costs nothing, at every turn. After ``beats_within`` seconds without a beat
    the process is killed and begun anew.
    """

    name: str
    run: str
    beats_within: float = BEATS_WITHIN


LOOPS: list[Loop] = []
DAILY_JOBS: list[DailyJob] = []
PARTS: list[Part] = []


def register_loop(
    name: str, run: Callable[[], int], *, pause: float, turn_takes: float = TURN_TAKES
) -> None:
    """Have the worker run this for as long as it lives; see :class:`Loop`."""
    LOOPS.append(Loop(name, run, pause, turn_takes))


def register_daily_job(name: str, function: str) -> None:
    """Have the worker see to it that this runs once a day."""
    DAILY_JOBS.append(DailyJob(name, function))


def register_part(name: str, run: str, *, beats_within: float = BEATS_WITHIN) -> None:
    """Have the worker run this in a process of its own; see :class:`Part`."""
    PARTS.append(Part(name, run, beats_within))


class _Turning(local):
    """How the loop of this thread gives a sign of life."""

    note: Callable[[], None] | None = None


_turning = _Turning()


def note_progress() -> None:
    """A sign of life from within a long turn of a loop; nothing elsewhere."""
    if _turning.note is not None:
        _turning.note()


def run_loop(loop: Loop, stopping: Event, note_turn: Callable[[], None] = lambda: None) -> None:
    """Run a loop until told to stop, with a sign of life at every turn.

    A fault of the database is waited out, on a new connection.
    """
    _turning.note = note_turn
    while not stopping.is_set():
        note_turn()
        try:
            done = loop.run()
        except (Error, TemporarilyUnavailable) as error:
            log.warning("loop_interrupted", loop=loop.name, error=str(error))
            connection.close()
            stopping.wait(PAUSE_AFTER_FAULT)
            continue
        if not done:
            if loop.pause >= LONG_PAUSE:
                connection.close()
            stopping.wait(loop.pause)
    connection.close()
