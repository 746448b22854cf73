"""The loops of a worker: each in its thread, none of them alone."""

from __future__ import annotations

import time
from threading import Event, Thread

import pytest

from openplatform.core.background import Loop, note_progress
from openplatform.operations import loops
from openplatform.operations.loops import _Runner
from tests.operations.workers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 30


def test_part_gives_signs_of_life_and_ends_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[int] = []
    beats: list[int] = []
    stopping = Event()

    def turn() -> int:
        turns.append(1)
        return 0

    monkeypatch.setattr(loops, "LOOPS", [Loop("test", turn, pause=0.01)])
    monkeypatch.setattr(loops, "LOOK_EVERY", 0.01)
    thread = Thread(target=loops.run, args=(stopping, lambda: beats.append(1)))

    thread.start()
    wait_until(lambda: len(turns) > 2 and len(beats) > 2)
    stopping.set()
    thread.join(PATIENCE)

    assert not thread.is_alive()


def test_loop_is_begun_anew_later_and_later_when_it_dies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("threading.excepthook", lambda _death: None)
    turns: list[float] = []

    def fail() -> int:
        turns.append(time.monotonic())
        raise LookupError

    runner = _Runner(Loop("test", fail, pause=0.01), Event())
    runner._pause = 0.2

    def has_turned(times: int) -> bool:
        runner.keep_going()
        return len(turns) == times

    wait_until(lambda: has_turned(3))

    assert turns[1] - turns[0] >= 0.2
    assert turns[2] - turns[1] >= 0.4


def test_loop_hangs_when_a_turn_takes_too_long_without_progress() -> None:
    stopping, at_work = Event(), Event()
    goes_on = Event()

    def work() -> int:
        at_work.set()
        goes_on.wait(PATIENCE)
        note_progress()
        stopping.wait(PATIENCE)
        return 0

    runner = _Runner(Loop("test", work, pause=0.0, turn_takes=PATIENCE), stopping)
    runner.keep_going()
    at_work.wait(PATIENCE)
    assert not runner.hangs()
    runner.turned_at -= PATIENCE  # so much time goes by
    hung_before = runner.hangs()
    goes_on.set()
    wait_until(lambda: not runner.hangs())
    runner.turned_at -= PATIENCE

    assert hung_before
    assert runner.hangs()
    stopping.set()
    assert runner.thread is not None
    runner.thread.join(PATIENCE)
