"""The part of the worker that runs django-q2's cluster, which runs the daily jobs.

The cluster guards some of its processes; nobody guards its guard, or sees that a process lives and
does nothing. So a task of ours goes through all of them, time and again: the pusher hands it out
once this process and the guard have turned, a worker runs it, and the monitor, which sees its
result, gives the sign of life.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from threading import Event
from typing import Any

import structlog
from django.conf import settings
from django.db import connections, transaction

from openplatform.core.background import DAILY_JOBS
from openplatform.core.statements import send
from openplatform.operations import brokers

log = structlog.get_logger(__name__)

LOOK_EVERY = 1.0  # seconds
SCHEDULING_LOCK = 7_305_002  # any number, the same in every process
PR_SET_PDEATHSIG = 1  # of prctl(2)
# Seconds without a finished task: one may take up to its time limit, and is waited for by the guard
# and by ours, which come in turns.
BEATS_WITHIN = settings.Q_CLUSTER["timeout"] + 45.0


def run(stopping: Event, beat: Callable[[], None]) -> None:
    """Run a cluster until told to stop, or until its guard has ended."""
    from django_q.cluster import Cluster
    from django_q.signals import post_execute

    schedule_daily_jobs()
    connections.close_all()
    brokers.begin_watch()

    def note_task(**_: Any) -> None:
        beat()

    post_execute.connect(note_task)  # sent in the monitor, after a task's result is kept
    if sys.platform == "linux":
        os.register_at_fork(after_in_child=_die_with_parent)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    cluster = Cluster()
    for number, handler in handlers.items():
        signal.signal(number, handler)  # the cluster has taken them
    cluster.start()
    while not stopping.wait(LOOK_EVERY):
        brokers.note_turn()
        if not cluster.sentinel.is_alive():
            log.error("cluster_died", status=cluster.sentinel.exitcode)
            os._exit(1)
    cluster.stop()


@transaction.atomic
def schedule_daily_jobs() -> None:
    """Have each daily job once among the schedules, however many workers begin at once."""
    from django_q.models import Schedule

    send("SELECT pg_advisory_xact_lock(%s)", [SCHEDULING_LOCK]).row()
    for job in DAILY_JOBS:
        Schedule.objects.get_or_create(
            name=job.name, defaults={"func": job.function, "schedule_type": Schedule.DAILY}
        )


def beat_through() -> None:
    """The task that goes through the cluster."""


def _die_with_parent() -> None:
    """The cluster's processes would live on beside those of the next cluster."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
