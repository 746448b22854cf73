"""Everything that runs, on one machine: what stops it before it begins, and while it runs."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from openplatform.demo.supervisor import PlatformFailed, Stopped, Supervisor


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


def test_supervisor_ends_children_and_their_children_when_it_stops(tmp_path: Path):
    supervisor = Supervisor(port=0, logs=tmp_path, stop_timeout=0.5)
    supervisor.start_child("deaf", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
    supervisor.start_child("polite", "sleep", "60")
    supervisor.note_signal(15, None)

    with pytest.raises(Stopped):
        supervisor.stay()
    supervisor.stop()

    assert supervisor.children["polite"].returncode == -15
    assert supervisor.children["deaf"].returncode == -9
