"""``manage.py load_regions``: load the address library that is shipped, or another one."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from openplatform.core import clock
from openplatform.core.errors import DomainError
from openplatform.regions.models import Region
from openplatform.regions.services.loading import load_regions


class Command(BaseCommand):
    """Loads the library by difference; again without effect."""

    help = (
        "Load the address library: province, city, district, town. Codes that the file no longer "
        "has are retired, not deleted. The same file again changes nothing; a faulty one is "
        "refused as a whole."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file",
            nargs="?",
            type=Path,
            metavar="FILE",
            help="CSV in UTF-8, plain or gzip, with the columns code,parent,level,name; a year in "
            "its name (regions-2025.csv) becomes part of the version. Default: the shipped one",
        )
        parser.add_argument(
            "--successors",
            type=Path,
            metavar="FILE",
            help="CSV of old code,new code: what follows each retired code",
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """:raises CommandError: when a file is refused."""
        try:
            change = load_regions(
                file=options["file"], successors=options["successors"], now=clock.now()
            )
        except DomainError as error:
            faults = [
                {"code": fault.code, "detail": str(fault.detail), **fault.facts}
                for fault in error.faults or [error]
            ]
            if options["json"]:
                self.stdout.write(json.dumps({"errors": faults}, ensure_ascii=False))
            raise CommandError("\n".join(_as_line(fault) for fault in faults)) from error
        result = {
            "version": change.library.version,
            "regions": Region.objects.filter(is_retired=False).count(),
            "added": change.added,
            "changed": change.changed,
            "retired": change.retired,
            "reinstated": change.reinstated,
        }
        if options["json"]:
            self.stdout.write(json.dumps(result))
        else:
            self.stdout.write(
                "Address library {version}: {regions} regions; {added} added, {changed} changed, "
                "{retired} retired, {reinstated} reinstated".format(**result)
            )


def _as_line(fault: dict[str, Any]) -> str:
    facts = ", ".join(
        f"{name} {value}" for name, value in fault.items() if name not in ("code", "detail")
    )
    return f"{fault['code']}: {fault['detail']}" + (f" ({facts})" if facts else "")
