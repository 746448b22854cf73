"""A worker with parts of its own, for the tests: ``python -m tests.operations.sample_worker``.

What it runs is named on the command line: a function of this module, or ``scheduled jobs``.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from threading import Event

import django

SOON = 3.0  # seconds without a sign of life, here
JOBS_SOON = 6.0


def steady(stopping: Event, beat: Callable[[], None]) -> None:
    """A part as it should be."""
    while not stopping.wait(0.1):
        beat()


def hanging(stopping: Event, beat: Callable[[], None]) -> None:
    """One that no longer hears or says anything."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    time.sleep(600)


def failing(stopping: Event, beat: Callable[[], None]) -> None:
    """One with a fault in it."""
    raise LookupError("out of paper")


def main() -> None:
    django.setup()
    from django_q.conf import Conf

    from openplatform.core.background import Part
    from openplatform.operations import brokers, parts, supervisor

    parts.FIRST_NOTE_AFTER = 0.1
    parts.NOTE_EVERY = 0.2
    supervisor.STOP_WITHIN = 2.0
    supervisor.LIVES_AFTER = 0.0
    brokers.TASK_EVERY = 1.0
    Conf.POLL = 0.2
    Conf.GUARD_CYCLE = 0.2
    chosen = []
    for name in sys.argv[1:]:
        if name == "scheduled jobs":
            run = "openplatform.operations.scheduled_jobs.run"
            chosen.append(Part(name, run, beats_within=JOBS_SOON))
        else:
            chosen.append(Part(name, f"tests.operations.sample_worker.{name}", beats_within=SOON))
    sys.stderr.write(f"{os.getpid()}\n")
    supervisor.Supervisor(chosen).run()


if __name__ == "__main__":
    main()
