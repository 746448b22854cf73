"""The part of the worker that numbers messages as soon as they are committed."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

import structlog
from django.db import Error, connection

from openplatform.core.background import PAUSE_AFTER_FAULT
from openplatform.core.errors import TemporarilyUnavailable
from openplatform.core.wakeups import OUTBOX, Listener
from openplatform.messaging.services.sequencing import sequence_if_any, sequence_outbox

log = structlog.get_logger(__name__)

LOOK_EVERY = 1.0  # seconds between looks without a nudge, which may get lost


def run(stopping: Event, beat: Callable[[], None]) -> None:
    """Sequence the outbox until told to stop."""
    with Listener(OUTBOX) as listener:
        is_nudged = False
        while not stopping.is_set():
            beat()
            try:
                done = sequence_outbox() if is_nudged else sequence_if_any()
            except (Error, TemporarilyUnavailable) as error:
                log.warning("sequencing_interrupted", error=str(error))
                connection.close()
                stopping.wait(PAUSE_AFTER_FAULT)
                continue
            is_nudged = not done and listener.wait(LOOK_EVERY)
