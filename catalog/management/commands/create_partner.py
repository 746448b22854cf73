"""``manage.py create_partner``: a merchant, its pools, its money and its first key."""

from __future__ import annotations

import getpass
import json
from argparse import ArgumentParser, ArgumentTypeError
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.services.partners import create_partner
from openplatform.core import clock, money
from openplatform.core.errors import DomainError
from openplatform.core.scopes import Scope
from openplatform.imports.errors import CellInvalid
from openplatform.imports.parsers import parse_money


def amount(text: str) -> Decimal:
    """An amount on the command line."""
    try:
        return parse_money(text)
    except CellInvalid as error:
        raise ArgumentTypeError(str(error.text)) from error


class Command(BaseCommand):
    """Prints the key once; it is stored as a digest only."""

    help = "Create a partner and print its new key, which is shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """All that a partner needs to place its first order."""
        parser.add_argument("--code", required=True)
        parser.add_argument("--name", required=True)
        parser.add_argument("--email", default="")
        parser.add_argument("--pool", action="append", default=[], help="may be repeated")
        parser.add_argument("--credit-limit", type=amount, default=money.ZERO)
        parser.add_argument("--alert-threshold", type=amount, default=money.ZERO)
        parser.add_argument("--opening-balance", type=amount, default=money.ZERO)
        parser.add_argument(
            "--scope", action="append", default=[], choices=Scope.values,
            help="may be repeated; all scopes when left out",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print the answer as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Create the partner."""
        try:
            partner, key = create_partner(
                code=options["code"].strip(),
                name=options["name"].strip(),
                email=options["email"].strip(),
                pools=options["pool"],
                credit_limit=options["credit_limit"],
                alert_threshold=options["alert_threshold"],
                opening_balance=options["opening_balance"],
                scopes=options["scope"],
                actor=f"command:{getpass.getuser()}",
                now=clock.now(),
            )
        except DomainError as error:
            faults = error.faults or [error]
            raise CommandError(
                "\n".join(f"{fault.pointer} {fault.code}: {fault.detail}" for fault in faults)
            ) from error
        if options["json"]:
            self.stdout.write(json.dumps({"code": partner.code, "name": partner.name, "key": key}))
        else:
            self.stdout.write(key)
