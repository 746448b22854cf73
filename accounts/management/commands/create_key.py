"""``manage.py create_key``: one more key for a partner."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.services.keys import create_key
from openplatform.core import clock
from openplatform.core.errors import DomainError
from openplatform.core.scopes import Scope

ALL = "all"


def moment(text: str) -> datetime:
    """A time to come on the command line, RFC 3339 with offset."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text} is not an RFC 3339 time") from error
    if value.tzinfo is None:
        raise ArgumentTypeError(f"{text} has no offset; write for example {text}+08:00")
    if value <= clock.now():
        raise ArgumentTypeError(f"{text} is past; the key would never open anything")
    return value


class Command(BaseCommand):
    """Prints the key once; it is stored as a digest only."""

    help = "Create an API key of a partner and print it; it is shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose key, what it opens, and until when."""
        parser.add_argument("--partner", required=True, metavar="CODE", help="the partner's code")
        parser.add_argument(
            "--scope", action="append", required=True, choices=[*Scope.values, ALL],
            help="may be repeated; `all` stands for every scope",
        )  # fmt: skip
        parser.add_argument(
            "--expires-at", type=moment, metavar="TIME",
            help="RFC 3339 with offset (2027-01-31T00:00:00+08:00); never when left out",
        )  # fmt: skip
        parser.add_argument("--note", default="", help="what the key is for")
        parser.add_argument("--json", action="store_true", help="print the answer as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """:raises CommandError: with code and text of the refusal."""
        scopes = Scope.values if ALL in options["scope"] else set(options["scope"])
        try:
            key, text = create_key(
                partner_code=options["partner"],
                scopes=scopes,
                expires_at=options["expires_at"],
                note=options["note"],
            )
        except DomainError as error:
            raise CommandError(f"{error.pointer} {error.code}: {error.detail}") from error
        if options["json"]:
            answer = {
                "prefix": key.prefix,
                "scopes": key.scopes,
                "expires_at": clock.to_text(key.expires_at),
                "key": text,
            }
            self.stdout.write(json.dumps(answer))
        else:
            self.stdout.write(text)
