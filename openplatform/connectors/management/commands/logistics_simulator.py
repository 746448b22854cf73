"""``manage.py logistics_simulator``: a provider to try things with."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from openplatform.connectors.simulator import server


class Command(BaseCommand):
    help = (
        "Answers as a provider of logistics would, for parcels that follow a script: the waybill "
        "number says what becomes of one (SF-LOST-1, SF-SLOW-1 …; delivered otherwise). Issues "
        "invoices as a provider of these would; a word in the remark says what goes wrong "
        "(SIM-DENY)."
    )
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        server.add_arguments(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["port"]:
            self.stdout.write(f"http://{server.HOST}:{options['port']}")
            self.stdout.flush()
        server.serve(options)
