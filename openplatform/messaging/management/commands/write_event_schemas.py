"""``docs/schemas`` from the code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from openplatform.messaging.events.publication import FOLDER, list_publications


class Command(BaseCommand):
    """Write the JSON Schema of every message type, unless that would break a published one."""

    help = (
        "Write the JSON Schema of every message type to docs/schemas. A field more is written"
        " under the same version; any other difference is refused until the version of the type is"
        " raised."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; fail when a file would differ"
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        written = write_event_schemas(folder=FOLDER, is_check=options["check"])
        if options["json"]:
            self.stdout.write(json.dumps({"written": written}))
        else:
            self.stdout.write("\n".join(written) or "Nothing differs")


def write_event_schemas(*, folder: Path, is_check: bool = False) -> list[str]:
    """The names of the files that were written.

    :raises CommandError: when a published schema would change by more than a field added, with
        what it says and what it would say; nothing is written then.
    """
    publications = list(list_publications(folder))
    faults = [
        f"{publication.name} {difference}"
        for publication in publications
        for difference in publication.breaks()
    ]
    if faults:
        raise CommandError(
            "\n".join(faults) + "\nRaise `version` of these types: the schemas that are published"
            " stay as they are, and new ones are written beside them."
        )
    differing = [publication for publication in publications if not publication.is_current]
    if is_check and differing:
        raise CommandError("\n".join(f"{one.name} is not up to date" for one in differing))
    folder.mkdir(parents=True, exist_ok=True)
    for publication in differing:
        (folder / publication.name).write_text(publication.text, encoding="utf-8")
    return [publication.name for publication in differing]
