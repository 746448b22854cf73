"""``manage.py rotate_key``: a new key in the place of an old one, which lives on for a while."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand

from accounts.management.commands.create_key import key_answer, moment, refused
from accounts.models import ApiKey
from accounts.services.keys import rotate_key
from openplatform.core import clock
from openplatform.core.errors import DomainError

BOTH_LIVE = timedelta(days=7)


class Command(BaseCommand):
    """Names the old key by its prefix, which is all that is shown of it."""

    help = (
        "Replace an API key, named by its prefix: prints a new one on the same terms, this once. "
        "Both open until the old one ends, seven days from now unless told otherwise."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which key, and the ends of both."""
        parser.add_argument("prefix", metavar="PREFIX", help="the first 11 characters: op_…")
        parser.add_argument(
            "--old-ends-at", type=moment, metavar="TIME",
            help="end of the old key, RFC 3339 with offset; in seven days when left out",
        )  # fmt: skip
        parser.add_argument(
            "--expires-at", type=moment, metavar="TIME",
            help="end of the new key, RFC 3339 with offset; never when left out",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print the answer as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """:raises CommandError: with code and text of the refusal."""
        now = clock.now()
        try:
            key, text = rotate_key(
                prefix=options["prefix"],
                old_ends_at=options["old_ends_at"] or now + BOTH_LIVE,
                expires_at=options["expires_at"],
                actor="rotate_key",
                now=now,
            )
        except DomainError as error:
            raise refused(error) from error
        old = ApiKey.objects.get(replaced_by=key)
        answer = {
            **key_answer(key, text),
            "replaces": {"prefix": old.prefix, "expires_at": clock.to_text(old.expires_at)},
        }
        self.stdout.write(json.dumps(answer) if options["json"] else text)
