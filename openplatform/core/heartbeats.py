"""Leases that are renewed while their holders live and have a long transaction open."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Self

import structlog
from django.db import Error, connection

from openplatform.core.background import note_progress

log = structlog.get_logger(__name__)

BEAT = 1.0  # seconds


class Heartbeat:
    """Renews a lease and shows the progress, from a thread of its own and so on a connection of its
    own. What it cannot write now, the next beat does.

    :param renew: is told how many rows are done, at every beat.
    """

    def __init__(self, renew: Callable[[int], object], *, name: str) -> None:
        self._renew = renew
        self._name = name
        self._rows = 0
        self._stopping = Event()
        self._thread = Thread(target=self._beat, name=name, daemon=True)

    def tell(self, rows: int) -> None:
        """So many rows are done."""
        self._rows = rows
        note_progress()

    def _beat(self) -> None:
        while not self._stopping.wait(BEAT):
            try:
                self._renew(self._rows)
            except Error as error:
                log.warning("heartbeat_missed", work=self._name, error=str(error))
                connection.close()
        connection.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()
