"""The worker's first process: begins each part as a child, and anew when it ends or hangs.

Django is loaded once, here, and the children are forked: they share what was loaded, and one that
is begun anew runs within milliseconds. So this process must have no threads and no connections.
It asks the database nothing, and watches on while that is away.
"""

from __future__ import annotations

import gc
import mmap
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event

import structlog
from django.db import connections

from openplatform.core.background import Part
from openplatform.operations.parts import SIGNALS, Lifeline, run_part

log = structlog.get_logger(__name__)

LOOK_EVERY = 1.0  # seconds
STOP_WITHIN = 15.0  # seconds for the parts to end by themselves
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds before a part is begun anew
LIVES_AFTER = 60.0  # seconds; whoever ran for so long is begun anew after the first pause


class Stamp:
    """A moment that a child writes and its parent reads: shared memory, without a lock."""

    def __init__(self) -> None:
        self._memory = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("d")

    def set(self) -> None:
        """Now."""
        self._memory[0] = time.monotonic()

    def age(self) -> float:
        """Seconds since."""
        return time.monotonic() - self._memory[0]


@dataclass
class Child:
    """A part and the process that runs it, if one does."""

    part: Part
    beat: Stamp = field(default_factory=Stamp)
    pid: int | None = None
    begun_at: float = 0.0
    begin_at: float = 0.0  # not before
    pause: float = FIRST_PAUSE
    begun: int = 0


class Supervisor:
    """Runs parts until a signal."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._children = [Child(part) for part in parts]
        self._stopping = Event()
        self._lifeline = Lifeline()
        self._worker = f"{socket.gethostname()}:{os.getpid()}"

    def run(self) -> None:
        """Until SIGTERM or SIGINT; then every part is ended in order, or else killed."""
        for number in SIGNALS:
            signal.signal(number, lambda *_: self._stopping.set())
        connections.close_all()
        gc.collect()
        gc.freeze()  # what is loaded stays: looked at by no collection, its pages remain shared
        log.info("worker_started", parts=[child.part.name for child in self._children])
        while not self._stopping.is_set():
            for child in self._children:
                self._look_after(child)
            self._stopping.wait(LOOK_EVERY)
        self._stop()
        log.info("worker_stopped")

    def _look_after(self, child: Child) -> None:
        if child.pid is not None:
            status = _status_of(child.pid)
            if status is not None:
                log.error("part_died", part=child.part.name, status=status)
                self._bury(child)
            elif child.beat.age() > child.part.beats_within:
                log.error("part_hangs", part=child.part.name, seconds=round(child.beat.age()))
                _kill(child.pid)
                os.waitpid(child.pid, 0)
                self._bury(child)
        if child.pid is None and time.monotonic() >= child.begin_at:
            self._begin(child)

    def _begin(self, child: Child) -> None:
        child.beat.set()
        child.begun_at = time.monotonic()
        # A signal that came between the fork and the child's own handler would be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        child.pid = os.fork()
        if child.pid == 0:
            self._become(child)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        child.begun += 1

    def _become(self, child: Child) -> None:
        status = 1
        try:
            os.setsid()  # Ctrl-C reaches the parent; what the part starts can be killed with it
            run_part(
                child.part,
                beat=child.beat.set,
                beat_age=child.beat.age,
                worker=self._worker,
                restarts=child.begun,
                lifeline=self._lifeline,
            )
            status = 0
        finally:
            if status:
                log.error("unexpected_error", part=child.part.name, exc_info=sys.exc_info())
            sys.stderr.flush()
            os._exit(status)

    def _bury(self, child: Child) -> None:
        assert child.pid is not None  # noqa: S101 - the caller looked
        _kill_group(child.pid)  # what it left behind
        child.pid = None
        if time.monotonic() - child.begun_at > LIVES_AFTER:
            child.pause = FIRST_PAUSE
        child.begin_at = time.monotonic() + child.pause
        child.pause = min(child.pause * 2, LONGEST_PAUSE)

    def _stop(self) -> None:
        running = [child for child in self._children if child.pid is not None]
        for child in running:
            with suppress(ProcessLookupError):
                os.kill(child.pid or 0, signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN
        while running and time.monotonic() < deadline:
            time.sleep(0.05)
            running = [child for child in running if _status_of(child.pid or 0) is None]
        for child in running:
            log.error("part_does_not_stop", part=child.part.name)
            _kill(child.pid or 0)
            os.waitpid(child.pid or 0, 0)
        for child in self._children:
            if child.pid is not None:
                _kill_group(child.pid)


def _status_of(pid: int) -> int | None:
    """The exit status of a child of ours, negative for a signal; None while it runs."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _kill(pid: int) -> None:
    _kill_group(pid)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # it may not have had the time to make its group


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
