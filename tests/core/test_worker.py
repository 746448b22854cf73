"""What the worker starts does not outlive it."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db import connection

LINES = 6  # that it logs until it runs
STOPS_WITHIN = 30.0  # seconds


@pytest.mark.django_db(transaction=True)
def test_cluster_ends_when_its_worker_is_gone() -> None:
    server = urlsplit(os.environ["DATABASE_URL"])
    database = urlunsplit(server._replace(path=f"/{connection.settings_dict['NAME']}"))
    cluster = subprocess.Popen(
        [sys.executable, "manage.py", "cluster"],
        cwd=settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "DATABASE_URL": database, "LOG_LEVEL": "INFO"},
    )
    assert cluster.stdin is not None
    assert cluster.stdout is not None
    for _ in range(LINES):
        cluster.stdout.readline()

    cluster.stdin.close()  # as the system does for a worker that is killed

    assert cluster.wait(STOPS_WITHIN) is not None
    cluster.stdout.close()
