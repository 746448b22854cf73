"""``manage.py create_key``: one more key for a partner."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import ApiKey
from accounts.services.keys import create_key
from openplatform.core import clock
from openplatform.core.admin.form_pages import faults_of
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


def pem_file(name: str) -> str:
    """The text of a file with a public key."""
    try:
        return Path(name).read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise ArgumentTypeError(f"{name} cannot be read: {error}") from error


def refused(error: DomainError) -> CommandError:
    """What a command says of a refusal, a line per fault."""
    return CommandError(
        "\n".join(f"{fault.pointer} {fault.code}: {fault.detail}" for fault in faults_of(error))
    )


def key_answer(key: ApiKey, text: str) -> dict[str, Any]:
    """A new key as JSON; its text is shown this once."""
    return {
        "prefix": key.prefix,
        "scopes": key.scopes,
        "expires_at": clock.to_text(key.expires_at),
        "key": text,
    }


class Command(BaseCommand):
    """Prints the key once; it is stored as a digest only."""

    help = "Create an API key of a partner and print it; it is shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose key, what it opens, to whom, and until when."""
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
        parser.add_argument(
            "--allow", action="append", default=[], metavar="CIDR",
            help="a network that may use it (203.0.113.0/24, 2001:db8::/32); may be repeated; "
            "everybody when left out",
        )  # fmt: skip
        parser.add_argument(
            "--requests-per-minute", type=int, metavar="N",
            help="the platform's limit when left out",
        )  # fmt: skip
        parser.add_argument(
            "--public-key", type=pem_file, metavar="FILE",
            help="Ed25519 public key in PEM; signatures of requests are checked with it",
        )  # fmt: skip
        parser.add_argument(
            "--requires-signature", action="store_true", help="open to signed requests only"
        )
        parser.add_argument("--json", action="store_true", help="print the answer as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """:raises CommandError: with code and text of the refusal."""
        scopes = Scope.values if ALL in options["scope"] else set(options["scope"])
        try:
            key, text = create_key(
                partner_code=options["partner"],
                scopes=scopes,
                actor="create_key",
                expires_at=options["expires_at"],
                note=options["note"],
                allowed_networks=options["allow"],
                requests_per_minute=options["requests_per_minute"],
                public_key=options["public_key"] or "",
                requires_signature=options["requires_signature"],
            )
        except DomainError as error:
            raise refused(error) from error
        self.stdout.write(json.dumps(key_answer(key, text)) if options["json"] else text)
