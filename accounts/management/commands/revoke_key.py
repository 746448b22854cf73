"""``manage.py revoke_key``: end a key for good."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from accounts.management.commands.create_key import refused
from accounts.services.keys import revoke_key
from openplatform.core import clock
from openplatform.core.errors import DomainError


class Command(BaseCommand):
    """Names the key by its prefix, which is all that is shown of it."""

    help = (
        "Revoke an API key, named by its prefix; in force within a second in every process. "
        "Again is no change."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which key."""
        parser.add_argument("prefix", metavar="PREFIX", help="the first 11 characters: op_…")
        parser.add_argument("--reason", default="", help="why, for the audit trail")
        parser.add_argument("--json", action="store_true", help="print the answer as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """:raises CommandError: with code and text of the refusal."""
        try:
            key = revoke_key(
                prefix=options["prefix"],
                actor="revoke_key",
                now=clock.now(),
                reason=options["reason"],
            )
        except DomainError as error:
            raise refused(error) from error
        revoked_at = clock.to_text(key.revoked_at)
        if options["json"]:
            self.stdout.write(json.dumps({"prefix": key.prefix, "revoked_at": revoked_at}))
        else:
            self.stdout.write(f"{key.prefix}… revoked at {revoked_at}")
