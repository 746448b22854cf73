"""``manage.py run_platform``: everything that runs, on one machine."""

from __future__ import annotations

import os
import socket
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from openplatform import startup
from openplatform.core import clock
from openplatform.core.errors import DomainError
from openplatform.demo.services.loading import (
    is_empty,
    load_demo,
    read_demo_file,
    write_demo_file,
)
from openplatform.demo.services.logistics import add_providers, point_at_simulator
from openplatform.demo.services.receiving import open_receiver
from openplatform.demo.supervisor import HOST
from openplatform.regions.models import Region
from openplatform.regions.services.loading import load_regions


class Command(BaseCommand):
    help = (
        "Prepare the database (migrations, roles, regions, the demo when it is empty), then run "
        "web, worker and a simulated provider of logistics and invoices until a signal. Prints "
        "addresses, logins and keys."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--walkthrough", action="store_true", help="play a merchant's day once it runs"
        )
        parser.add_argument(
            "--exit", action="store_true", help="end afterwards, with the walkthrough's status"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        _refuse_taken_port(settings.PORT)
        self._say("Preparing the database …")
        call_command("migrate", interactive=False, verbosity=0)
        call_command("load_roles", verbosity=0)
        self._load_data(needs_demo=options["walkthrough"])
        self._say("Preparing static files …")
        call_command("collectstatic", interactive=False, verbosity=0)
        self._say("Starting web, worker and the simulated provider …")
        _become_supervisor(options, simulator_port=point_at_simulator(), receiver=open_receiver())

    def _load_data(self, *, needs_demo: bool) -> None:
        try:
            if not Region.objects.exists():
                self._say("Loading the address library …")
                load_regions(file=None, now=clock.now())
            if is_empty():
                self._say("Loading the demo …")
                load_demo(actor="run_platform", now=clock.now())
        except DomainError as error:
            raise CommandError(str(error.detail)) from error
        demo = read_demo_file()
        if demo is not None:
            add_providers()  # of a demo that was loaded before there were all of them
        if demo is not None and demo["base_url"] != settings.PUBLIC_URL:
            write_demo_file({**demo, "base_url": settings.PUBLIC_URL})  # another PORT this time
        if demo is None and needs_demo:
            raise CommandError(
                "The walkthrough needs the demo, and this database holds other data: there is no "
                f"demo.json in {settings.DATA_DIR}. Use an empty database, or another DATA_DIR."
            )

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _refuse_taken_port(port: int) -> None:
    """:raises CommandError: when somebody listens there already."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} cannot be used ({error.strerror}). Set PORT to a free one."
            ) from error


def _become_supervisor(
    options: dict[str, Any], *, simulator_port: int | None, receiver: str | None
) -> None:
    """Replace this process: what stays should not keep Django in memory."""
    arguments = [
        *("--port", str(settings.PORT), "--data-dir", str(settings.DATA_DIR)),
        *("--base-url", settings.PUBLIC_URL),
        *(f"--{name}" for name in ("walkthrough", "exit") if options[name]),
    ]
    if simulator_port is not None:
        arguments += ["--simulator-port", str(simulator_port)]
        providers = [*settings.OUTGOING_PRIVATE_HOSTS, f"{HOST}:{simulator_port}"]
        os.environ["OUTGOING_PRIVATE_HOSTS"] = ",".join(providers)
    if receiver is not None:
        receivers = [*settings.WEBHOOK_PRIVATE_HOSTS, receiver]
        os.environ["WEBHOOK_PRIVATE_HOSTS"] = ",".join(receivers)
    if startup.has_started_postgres:
        arguments += ["--stop-postgres", str(settings.EMBEDDED_POSTGRES)]
    connections.close_all()
    sys.stdout.flush()
    os.chdir(settings.BASE_DIR)
    module = [sys.executable, "-m", "openplatform.demo.supervisor"]
    os.execv(sys.executable, [*module, *arguments])  # noqa: S606 - ours, no shell wanted
