"""django-q2's brokers, which hand out a task of ours besides: see ``scheduled_jobs``."""

from __future__ import annotations

import mmap
import time
import uuid
from typing import TYPE_CHECKING, Any

from django.utils import timezone

if TYPE_CHECKING:
    from django_q.brokers import Broker
else:
    Broker = object

TASK_EVERY = 15.0  # seconds
TASK = "openplatform.operations.scheduled_jobs.beat_through"


GUARD, FIRST = 0, 1  # the cluster's guard, and the process that began it


class _Watch:
    """Shared by the cluster's processes: who has turned since our task was last handed out. The
    pusher, which hands out tasks, reads it.
    """

    def __init__(self) -> None:
        self._turned = mmap.mmap(-1, mmap.PAGESIZE)
        self._handed_out_at = 0.0  # the pusher's own

    def note(self, who: int) -> None:
        """It has turned."""
        self._turned[who] = True

    def is_due(self) -> bool:
        """Whether it is time to hand out our task, and all have turned since. Then it is not due
        any more.
        """
        now = time.monotonic()
        if now - self._handed_out_at < TASK_EVERY:
            return False
        if not (self._turned[GUARD] and self._turned[FIRST]):
            return False
        self._turned[GUARD] = self._turned[FIRST] = False
        self._handed_out_at = now
        return True


_watch: _Watch | None = None


def begin_watch() -> None:
    """From now on, in this process and those that it forks, hand out the task."""
    global _watch  # noqa: PLW0603 - one cluster in a process
    _watch = _Watch()


def note_turn() -> None:
    """The process that began the cluster lives."""
    if _watch is not None:
        _watch.note(FIRST)


class WatchedBroker(Broker):
    """To be mixed into one of django-q2's brokers."""

    def set_stat(self, key: str, value: str, timeout: int) -> Any:
        """The guard tells how it is at every turn."""
        if _watch is not None:
            _watch.note(GUARD)
        return super().set_stat(key, value, timeout)

    def dequeue(self) -> list[tuple[Any, Any]]:
        """The tasks that are due, and ours when it is."""
        tasks = list(super().dequeue() or ())
        if _watch is not None and _watch.is_due():
            tasks.append((None, _make_task()))
        return tasks


def _make_task() -> Any:
    """It has no row that a result would have to be kept for."""
    from django_q.signing import SignedPackage

    return SignedPackage.dumps(
        {
            "id": uuid.uuid4().hex,
            "name": "beat",
            "func": TASK,
            "args": (),
            "kwargs": {},
            "started": timezone.now(),
            "save": False,
        }
    )
