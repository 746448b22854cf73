"""Parts of the worker that run loops, a thread each; one of them runs every registered loop."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from threading import Event, ExceptHookArgs, Thread

import structlog

from openplatform.core.background import LOOPS, Loop, run_loop

log = structlog.get_logger(__name__)

LOOK_EVERY = 1.0  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds before a loop is begun anew
STOP_WITHIN = 12.0  # seconds, less than the supervisor gives the whole part


class _Runner:
    """A loop, the thread that it runs in, and when it last turned."""

    def __init__(self, loop: Loop, stopping: Event) -> None:
        self.loop = loop
        self._stopping = stopping
        self._pause = FIRST_PAUSE
        self._begin_at = 0.0
        self.thread: Thread | None = None
        self.turned_at = time.monotonic()

    def keep_going(self) -> None:
        """Begin it, or begin it anew when it ended."""
        if self.thread is not None and self.thread.is_alive():
            return
        now = time.monotonic()
        if self.thread is not None:
            log.error("loop_died", loop=self.loop.name)
            self._begin_at = now + self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            self.thread = None
        self.turned_at = now
        if now >= self._begin_at:
            self.thread = Thread(
                target=run_loop, args=(self.loop, self._stopping, self._turn), name=self.loop.name
            )
            self.thread.daemon = True  # one that hangs must not keep the process from ending
            self.thread.start()

    def hangs(self) -> bool:
        """Whether its turn takes longer than any turn should."""
        return time.monotonic() - self.turned_at > self.loop.pause + self.loop.turn_takes

    def _turn(self) -> None:
        self.turned_at = time.monotonic()


def run(stopping: Event, beat: Callable[[], None]) -> None:
    """Run all registered loops until told to stop."""
    run_loops(LOOPS, stopping, beat)


def run_loops(loops: Sequence[Loop], stopping: Event, beat: Callable[[], None]) -> None:
    """Run these loops until told to stop. A loop that hangs takes the process along: no thread can
    be killed, and the worker begins the part anew.
    """
    threading.excepthook = _log_death
    runners = [_Runner(loop, stopping) for loop in loops]
    while not stopping.is_set():
        for runner in runners:
            runner.keep_going()
            if runner.hangs():
                log.error("loop_hangs", loop=runner.loop.name)
                os._exit(1)
        beat()
        stopping.wait(LOOK_EVERY)
    ends_at = time.monotonic() + STOP_WITHIN
    for runner in runners:
        if runner.thread is not None:
            runner.thread.join(max(ends_at - time.monotonic(), 0.0))


def _log_death(death: ExceptHookArgs) -> None:
    log.error(
        "unexpected_error",
        thread=death.thread.name if death.thread else None,
        exc_info=(death.exc_type, death.exc_value, death.exc_traceback),
    )
