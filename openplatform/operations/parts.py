"""A part of the worker, in its own process: told when to stop, tied to its parent, and heard of."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import structlog
from django.db import Error, connection
from django.utils.module_loading import import_string

from openplatform.core.background import Part
from openplatform.operations.services.beating import forget_part, forget_the_dead, note_beat

log = structlog.get_logger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)
FIRST_NOTE_AFTER = 1.0  # seconds
NOTE_EVERY = 15.0  # seconds between notes of a sign of life in the database
END_WITHIN = 15.0  # seconds for a part whose parent is gone


class Lifeline:
    """A pipe that nobody writes to. The system closes it when its one writer, the parent, ends."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()

    def hold(self) -> None:
        """In a child: end, in order or else at once, when the parent is gone."""
        os.close(self._writing)
        Thread(target=self._wait_for_the_end, name="lifeline", daemon=True).start()

    def _wait_for_the_end(self) -> None:
        os.read(self._reading, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(END_WITHIN)
        os.killpg(0, signal.SIGKILL)


class _Heart:
    """Notes in the database how long ago the part gave a sign of life.

    From a thread of its own, and so on a connection of its own, whatever the part is at.
    """

    def __init__(
        self, *, worker: str, part: str, restarts: int, beat_age: Callable[[], float]
    ) -> None:
        self._worker = worker
        self._part = part
        self._restarts = restarts
        self._beat_age = beat_age
        self._started_at = time.monotonic()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="heart", daemon=True)

    def start(self) -> None:
        """Begin to note."""
        self._thread.start()

    def stop(self) -> None:
        """The part has ended in order: it is not missed."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        is_first = True
        while not self._stopping.wait(FIRST_NOTE_AFTER if is_first else NOTE_EVERY):
            try:
                if is_first:
                    forget_the_dead()
                note_beat(
                    worker=self._worker,
                    part=self._part,
                    process_id=os.getpid(),
                    restarts=self._restarts,
                    started_ago=time.monotonic() - self._started_at,
                    beat_ago=self._beat_age(),
                )
            except Error as error:
                log.warning("beat_not_noted", part=self._part, error=str(error))
                connection.close()
            is_first = False
        try:
            forget_part(worker=self._worker, part=self._part)
        except Error as error:
            log.warning("beat_not_noted", part=self._part, error=str(error))
        connection.close()


def run_part(
    part: Part,
    *,
    beat: Callable[[], None],
    beat_age: Callable[[], float],
    worker: str,
    restarts: int,
    lifeline: Lifeline,
) -> None:
    """Run a part in this process, which the supervisor has forked for it, until SIGTERM.

    :param beat: is told that the part lives; ``beat_age`` says how many seconds ago that was.
    :param restarts: how often the worker had to begin it before.
    """
    stopping = Event()
    for number in SIGNALS:
        signal.signal(number, lambda *_: stopping.set())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    with suppress(OSError):  # for who looks at processes on Linux; there is none elsewhere
        Path("/proc/self/comm").write_text(part.name)
    lifeline.hold()
    heart = _Heart(worker=worker, part=part.name, restarts=restarts, beat_age=beat_age)
    heart.start()
    import_string(part.run)(stopping, beat)
    heart.stop()
    connection.close()
