"""Everything that runs, on one machine: what stops it before it begins, and while it runs."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command

from openplatform.connectors.models import Provider
from openplatform.demo.services.logistics import add_providers, point_at_simulator
from openplatform.demo.supervisor import (
    PlatformFailed,
    Stopped,
    Supervisor,
    _simulator_command,
)


def test_command_fails_and_touches_no_data_when_the_port_is_taken(settings):
    # Without a database fixture, a query would fail the test.
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings.PORT = taken.getsockname()[1]

        with pytest.raises(CommandError, match=f"Port {settings.PORT} cannot be used"):
            call_command("run_platform")


def test_supervisor_fails_with_the_log_when_a_child_dies(tmp_path: Path):
    supervisor = Supervisor(port=0, logs=tmp_path)
    supervisor.start_child("worker", "sh", "-c", "echo out of paper; exit 3")

    with pytest.raises(PlatformFailed, match=r"(?s)worker ended with status 3.*out of paper"):
        supervisor.stay()


def test_log_of_the_run_before_is_kept_when_the_platform_starts(tmp_path: Path):
    for run in ("first", "second", "third"):
        supervisor = Supervisor(port=0, logs=tmp_path)
        supervisor.start_child("web", "sh", "-c", f"echo {run}")
        supervisor.children["web"].process.wait(20)

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "web.log": "third\n",
        "web.log.1": "second\n",
    }


def test_worker_is_started_again_when_it_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    supervisor = Supervisor(port=0, logs=tmp_path)
    supervisor.start_child("worker", "sh", "-c", "echo here; exec sleep 60", is_started_again=True)
    first = supervisor.children["worker"].process
    deadline = time.monotonic() + 20
    while not (tmp_path / "worker.log").read_text():
        assert time.monotonic() < deadline
        supervisor._pause()

    first.kill()

    while supervisor.children["worker"].process is first:
        assert time.monotonic() < deadline
        supervisor._pause()
    while (tmp_path / "worker.log").read_text() != "here\n" * 2:
        assert time.monotonic() < deadline
        supervisor._pause()
    second = supervisor.children["worker"].process
    supervisor.stop()

    assert second.returncode == -15
    assert "worker ended with status -9 and is started again" in capsys.readouterr().err


def test_supervisor_ends_children_and_their_children_when_it_stops(tmp_path: Path):
    supervisor = Supervisor(port=0, logs=tmp_path, stop_timeout=0.5)
    supervisor.start_child("deaf", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
    supervisor.start_child("polite", "sleep", "60")
    supervisor.note_signal(15, None)

    with pytest.raises(Stopped):
        supervisor.stay()
    supervisor.stop()

    assert supervisor.children["polite"].process.returncode == -15
    assert supervisor.children["deaf"].process.returncode == -9


def test_simulated_provider_runs_as_a_process_of_its_own_and_ends_with_the_others(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    supervisor = Supervisor(port=0, logs=tmp_path)
    memory = tmp_path / "memory.json"
    supervisor.start_child("simulator", *_simulator_command(port, memory))
    try:
        url = f"http://127.0.0.1:{port}/track?carrier=sf&waybill=SF1"
        answer = _get_patiently(url)
    finally:
        supervisor.stop()

    assert answer["waybill"] == "SF1"
    assert [trace["state"] for trace in answer["traces"]] == ["COLLECTED"]
    assert list(json.loads(memory.read_text())) == ["sf SF1"]
    assert supervisor.children["simulator"].process.returncode == 0


def _get_patiently(url: str) -> Any:
    deadline = time.monotonic() + 20
    while True:
        try:
            return requests.get(url, timeout=5).json()
        except requests.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.django_db
def test_providers_of_the_demo_are_called_at_a_free_port() -> None:
    assert point_at_simulator() is None
    add_providers()

    port = point_at_simulator()

    assert dict(Provider.objects.values_list("code", "base_url")) == {
        "simulator": f"http://127.0.0.1:{port}",
        "simulator-spare": f"http://127.0.0.1:{port}/spare",
        "simulator-invoices": f"http://127.0.0.1:{port}",
    }
    assert dict(Provider.objects.values_list("code", "service")) == {
        "simulator": "logistics",
        "simulator-spare": "logistics",
        "simulator-invoices": "invoicing",
    }
    Provider.objects.filter(code="simulator-invoices").delete()  # as loaded before there was it
    add_providers()
    assert Provider.objects.count() == 3
