"""The part of the worker that makes papers: files of a million rows take minutes of computing,
which other loops should not wait for.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from openplatform.core.background import Loop
from openplatform.operations.loops import run_loops

LOOPS: list[Loop] = []


def run(stopping: Event, beat: Callable[[], None]) -> None:
    """Run the loops of reconciliation until told to stop."""
    run_loops(LOOPS, stopping, beat)
