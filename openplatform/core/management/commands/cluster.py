"""``manage.py cluster``: django-q2's cluster, for as long as the worker lives that started it."""

from __future__ import annotations

import os
import signal
import time
from threading import Thread
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

STOP_WITHIN = 15.0  # seconds for the cluster to end in order
STDIN = 0


class Command(BaseCommand):
    """``manage.py worker`` starts this and holds the other end of its standard input."""

    help = "Run scheduled jobs until standard input ends. Started by `worker`."
    requires_migrations_checks = False

    def handle(self, **options: Any) -> None:
        Thread(target=_end_with_worker, daemon=True).start()
        call_command("qcluster")


def _end_with_worker() -> None:
    """A worker that is killed closes the pipe, too; without this, its cluster would live on
    beside that of the next worker."""
    while os.read(STDIN, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_WITHIN)
    os.killpg(0, signal.SIGKILL)
