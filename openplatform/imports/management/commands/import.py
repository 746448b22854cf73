"""``manage.py import <resource> FILE``: the command line's door to the imports."""

from __future__ import annotations

import dataclasses
import getpass
import json
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from openplatform.core.errors import DomainError
from openplatform.imports.errors import (
    ImportNeedsConfirmation,
    ImportRefused,
    RowFault,
    RowWarning,
)
from openplatform.imports.resources import RESOURCES, ImportReport
from openplatform.imports.services.importing import import_file

PROGRESS_SECONDS = 2


class Command(BaseCommand):
    """Prints a report; exits with 1 when the file was refused, with its faults, and when it has
    warnings that nobody accepted, with these."""

    help = "Import a CSV (UTF-8) or XLSX file: all of it, or nothing with every fault told."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The resource, the file, and the form of the answer."""
        parser.add_argument("resource", choices=sorted(RESOURCES))
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--dry-run", action="store_true", help="check everything and write nothing"
        )
        parser.add_argument(
            "--accept-warnings",
            action="store_true",
            help="import a file although some of its rows are odd",
        )
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Import the file and print what became of it."""
        try:
            report = import_file(
                resource=options["resource"],
                file=options["file"],
                dry_run=options["dry_run"],
                actor=f"command:{_user_name()}",
                on_progress=self._progress(),
                accept_warnings=options["accept_warnings"],
            )
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from error
        except ImportRefused as error:
            if options["json"]:
                self._print_json(
                    {
                        "resource": options["resource"],
                        "code": error.code,
                        "fault_count": error.fault_count,
                        "faults": _as_dicts(error.row_faults),
                    }
                )
            raise CommandError(f"{error.detail}\n{table_of(error.row_faults)}") from error
        except ImportNeedsConfirmation as error:
            if options["json"]:
                self._print_json(
                    {
                        "resource": options["resource"],
                        "code": error.code,
                        "warning_count": error.report.warning_count,
                        "warnings": _as_dicts(error.report.warnings),
                    }
                )
            hint = _("Look at them, and repeat with --accept-warnings")
            raise CommandError(
                f"{error.detail}\n{table_of(error.report.warnings)}\n{hint}"
            ) from error
        except DomainError as error:
            if options["json"]:
                self._print_json({"resource": options["resource"], "code": error.code})
            raise CommandError(str(error.detail)) from error
        self._print_report(report, as_json=options["json"])

    def _progress(self) -> Any:
        last = time.monotonic()

        def show(rows: int) -> None:
            nonlocal last
            if time.monotonic() - last >= PROGRESS_SECONDS:
                last = time.monotonic()
                self.stderr.write(_("%(rows)d rows …") % {"rows": rows})

        return show

    def _print_report(self, report: ImportReport, *, as_json: bool) -> None:
        if as_json:
            document = dataclasses.asdict(report)
            del document["warnings_fingerprint"]  # of use within the platform only
            return self._print_json(document)
        line = _(
            "%(resource)s: %(rows)d rows, %(created)d created, %(updated)d updated,"
            " %(unchanged)d unchanged"
        )
        self.stdout.write(line % dataclasses.asdict(report))
        for message in report.messages:
            self.stdout.write(message)
        if report.warnings:
            self.stdout.write(_("Warnings: %(count)d") % {"count": report.warning_count})
            self.stdout.write(table_of(report.warnings))
        if report.is_dry_run:
            self.stdout.write(_("A dry run: nothing was written"))
        return None

    def _print_json(self, value: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(value, ensure_ascii=False, indent=2))


def table_of(faults: Sequence[RowFault | RowWarning]) -> str:
    """Faults or warnings as a table for people: row, column, code, text."""
    lines = [("row", "column", "code", "text")]
    lines += [(str(fault.row), fault.column, fault.code, fault.text) for fault in faults]
    widths = [max(len(line[index]) for line in lines) for index in range(3)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, [*widths, 0], strict=True))
        for line in lines
    )


def _as_dicts(faults: Sequence[RowFault | RowWarning]) -> list[dict[str, Any]]:
    return [dataclasses.asdict(fault) for fault in faults]


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user id, as in a bare container
        return "unknown"
