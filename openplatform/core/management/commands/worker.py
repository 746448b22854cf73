"""``manage.py worker``: everything that is not web."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from argparse import ArgumentParser
from threading import Event, Thread
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django_q.models import Schedule

from openplatform.core.background import DAILY_JOBS, LOOPS, run_loop

log = structlog.get_logger(__name__)

LOOK_EVERY = 1.0  # seconds between looks at the parts
STOP_WITHIN = 15.0  # seconds for a part to end by itself


class Command(BaseCommand):
    """Runs the registered loops, a thread each, and django-q2's cluster; restarts what ends."""

    help = "Sequence messages, expire orders, run scheduled jobs: everything that is not web."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--without-cluster",
            action="store_true",
            help="only the loops, without django-q2's scheduled jobs",
        )

    def handle(self, *, without_cluster: bool, **options: Any) -> None:
        stopping = Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stopping.set())
        threads: dict[str, Thread] = {}
        cluster = None
        if not without_cluster:
            _schedule_daily_jobs()  # here only: a restart must do without the database
            cluster = _start_cluster()
        log.info("worker_started", loops=[loop.name for loop in LOOPS])
        while not stopping.is_set():
            for loop in LOOPS:
                if loop.name not in threads or not threads[loop.name].is_alive():
                    if loop.name in threads:
                        log.error("loop_died", loop=loop.name)
                    thread = Thread(target=run_loop, args=(loop, stopping), name=loop.name)
                    thread.start()
                    threads[loop.name] = thread
            if cluster is not None and cluster.poll() is not None:
                log.error("cluster_died", status=cluster.returncode)
                cluster = _start_cluster()
            stopping.wait(LOOK_EVERY)
        if cluster is not None:
            _stop(cluster)
        for thread in threads.values():
            thread.join(STOP_WITHIN)
        log.info("worker_stopped")


def _schedule_daily_jobs() -> None:
    for job in DAILY_JOBS:
        Schedule.objects.get_or_create(
            name=job.name, defaults={"func": job.function, "schedule_type": Schedule.DAILY}
        )


def _start_cluster() -> subprocess.Popen[bytes]:
    # A group of its own: Ctrl-C reaches us, and we end it in order. The pipe ends with us.
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, sys.argv[0], "cluster"], stdin=subprocess.PIPE, start_new_session=True
    )


def _stop(cluster: subprocess.Popen[bytes]) -> None:
    cluster.terminate()
    try:
        cluster.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        os.killpg(cluster.pid, signal.SIGKILL)
        cluster.wait()
