"""``manage.py load_demo``: the demo into an empty database."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from openplatform.core import clock
from openplatform.core.errors import DomainError
from openplatform.demo.services.loading import DatabaseNotEmpty, demo_file, load_demo


class Command(BaseCommand):
    help = (
        "Load the demo (goods, two merchants, staff) into an empty database and write logins and "
        "keys to demo.json in the data directory."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="print logins and keys as JSON, as in demo.json"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            data = load_demo(actor="load_demo", now=clock.now())
        except DatabaseNotEmpty as error:
            raise CommandError(
                "The demo is loaded into an empty database only; this one has partners or SKUs."
            ) from error
        except DomainError as error:
            raise CommandError(str(error.detail)) from error
        if options["json"]:
            self.stdout.write(json.dumps(data.to_document(), ensure_ascii=False))
        else:
            self.stdout.write(f"The demo is loaded; logins and keys are in {demo_file()}")
