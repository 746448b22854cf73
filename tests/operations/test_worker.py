"""The worker begins anew what ends or hangs, stops in order, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from openplatform.core.background import PARTS
from openplatform.operations.models import Heartbeat
from openplatform.operations.selectors import list_beats
from tests.operations.workers import (
    RunningWorker,
    is_running,
    members,
    process_of,
    sample_worker,
    wait_until,
    worker,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_part_is_begun_anew_when_it_is_killed_hangs_or_fails(tmp_path: Path) -> None:
    with sample_worker(tmp_path / "log", "steady", "hanging", "failing") as running:
        wait_until(lambda: Heartbeat.objects.filter(part="steady").exists())
        killed = process_of("steady")
        hanging = process_of("hanging")

        os.kill(killed, signal.SIGKILL)

        wait_until(lambda: process_of("steady") != killed)
        wait_until(lambda: process_of("hanging") != hanging)
        wait_until(lambda: len(running.events("unexpected_error")) > 1)
        assert not is_running(hanging)
        assert Heartbeat.objects.get(part="steady").restarts == 1
        [hung] = running.events("part_hangs")[:1]
        assert hung["part"] == "hanging"
        assert hung["seconds"] >= 3  # later where the machine is busy
        assert {(event["part"], event["status"]) for event in running.events("part_died")} == {
            ("steady", -signal.SIGKILL),
            ("failing", 1),
        }
        assert "LookupError: out of paper" in running.events("unexpected_error")[0]["exception"]


def test_parts_end_and_are_not_missed_when_the_worker_is_told_to_stop(tmp_path: Path) -> None:
    with sample_worker(tmp_path / "log", "steady", "hanging") as running:
        wait_until(lambda: Heartbeat.objects.count() == 2)
        children = running.children()

        running.process.terminate()

        assert running.process.wait(20) == 0
        assert [pid for pid in children if is_running(pid)] == []
        assert [event["part"] for event in running.events("part_does_not_stop")] == ["hanging"]
        assert not Heartbeat.objects.filter(part="steady").exists()


def test_parts_end_and_another_worker_goes_on_when_a_worker_is_killed(tmp_path: Path) -> None:
    with (
        sample_worker(tmp_path / "one", "steady", "scheduled jobs") as one,
        sample_worker(tmp_path / "two", "steady", "scheduled jobs") as two,
    ):
        wait_until(lambda: Heartbeat.objects.count() == 4)
        wait_until(lambda: len(_cluster_of(one.process.pid)) == 5)
        assert [(beat.part, beat.living) for beat in list_beats()] == [
            ("scheduled jobs", 2),
            ("steady", 2),
        ]
        left_behind = [pid for child in one.children() for pid in members(child)]
        assert len(left_behind) == 6

        one.process.kill()

        wait_until(lambda: not any(is_running(pid) for pid in left_behind))
        assert len(_cluster_of(two.process.pid)) == 5
        assert two.process.poll() is None
        assert two.events("part_died") == []


def test_jobs_are_run_again_when_a_process_of_the_cluster_is_stopped(tmp_path: Path) -> None:
    """Stopped, it is still there: nobody but the task that goes through all of them notices."""
    with sample_worker(tmp_path / "log", "scheduled jobs") as running:
        for victim in range(3):  # the first process, the guard, the one that runs tasks
            wait_until(lambda: len(_cluster_of(running.process.pid)) == 5)
            cluster = sorted(_cluster_of(running.process.pid))
            assert len(running.events("part_hangs")) == victim

            os.kill(cluster[victim], signal.SIGSTOP)

            wait_until(partial(_has_hung, running, times=victim + 1))
            wait_until(partial(_are_gone, cluster))


def test_worker_runs_all_parts_but_the_cluster_when_told_so(tmp_path: Path) -> None:
    with worker(tmp_path / "log", "manage.py", "worker", "--without-cluster") as running:
        wait_until(lambda: Heartbeat.objects.count() == len(PARTS) - 1)
        running.process.send_signal(signal.SIGINT)

        assert running.process.wait(20) == 0
        assert not Heartbeat.objects.exists()
        [started] = running.events("worker_started")
        assert started["parts"] == [part.name for part in PARTS if part.name != "scheduled jobs"]
        assert {"loops", "sequence messages"} <= set(started["parts"])
        assert running.events("part_died") == []


def test_worker_refuses_a_part_that_it_does_not_have() -> None:
    with pytest.raises(CommandError, match="invalid choice: 'lunch'"):
        call_command("worker", "--part", "lunch")


def _has_hung(running: RunningWorker, *, times: int) -> bool:
    return len(running.events("part_hangs")) == times


def _are_gone(processes: list[int]) -> bool:
    return not any(is_running(pid) for pid in processes)


def _cluster_of(worker_pid: int) -> list[int]:
    """The processes of the cluster of a worker whose other parts are single processes."""
    groups = [members(int(pid)) for pid in _children(worker_pid)]
    return max(groups, key=len, default=[])


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
