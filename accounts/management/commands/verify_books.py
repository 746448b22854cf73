"""``manage.py verify_books``: prove that wallets, ledger, holds and documents agree."""

from __future__ import annotations

import argparse
import json
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.services.books import BooksReport, Difference, record_check, verify_books
from openplatform.core import clock
from openplatform.core.errors import DomainError

DIFFERENT, NOT_RUN = 1, 2  # exit statuses


class Command(BaseCommand):
    """Exits with 0 when all agrees, with 1 when not, with 2 when it could not look."""

    help = (
        "Prove for every wallet, as of now or of any time gone by, that entries add up to the "
        "balance, holds are the open orders, and every entry has its document and every document "
        "its entry. Exit status: 0 all agrees, 1 differences, 2 could not run."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """When, and the form of the answer."""
        parser.add_argument(
            "--as-of",
            type=_read_moment,
            metavar="TIME",
            help="RFC 3339 with offset: 2026-01-31T23:59:59+08:00",
        )
        parser.add_argument("--json", action="store_true", help="print the report as JSON")
        parser.add_argument(
            "--store",
            action="store_true",
            help="keep the result as the daily check does: shown in the back office, and mailed "
            "to our own side when there are differences",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """:raises CommandError: with status 1 for differences, 2 when it could not run."""
        try:
            report = verify_books(as_of=options["as_of"])
            if options["store"]:
                record_check(report=report)
        except DomainError as error:
            raise CommandError(f"{error.pointer} {error.detail}", returncode=NOT_RUN) from error
        except Error as error:
            raise CommandError(str(error), returncode=NOT_RUN) from error
        if options["json"]:
            self.stdout.write(json.dumps(report.document(), ensure_ascii=False, indent=2))
        else:
            self._print(report)
        if not report.is_ok:
            count = report.difference_count
            text = ngettext(
                "The books disagree in %(count)d place", "The books disagree in %(count)d places",
                count,
            )  # fmt: skip
            raise CommandError(text % {"count": count}, returncode=DIFFERENT)

    def _print(self, report: BooksReport) -> None:
        line = _(
            "As of %(as_of)s: %(wallets)d wallets, %(entries)d entries, %(holds)d holds, "
            "looked at in %(seconds).1f s"
        )
        self.stdout.write(line % {**report.document()})
        if report.is_ok:
            self.stdout.write(_("Everything agrees"))
            return
        for row in _table_of(report.differences):
            self.stdout.write(row)
        if report.difference_count > len(report.differences):
            self.stdout.write(_("… and more: all are counted, the first are shown"))


def _read_moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise argparse.ArgumentTypeError(f"{text!r} has no offset, such as +08:00 or Z")
        return moment.astimezone(clock.PLATFORM_ZONE)
    except (ValueError, OverflowError) as error:  # the latter at either end of the calendar
        raise argparse.ArgumentTypeError(f"{text!r} is not an RFC 3339 time") from error


def _table_of(differences: list[Difference]) -> list[str]:
    lines = [("partner", "document", "check", "expected", "found")]
    lines += [
        (row.partner, row.document, row.check, row.expected or "-", row.found or "-")
        for row in differences
    ]
    widths = [max(len(line[index]) for line in lines) for index in range(4)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, [*widths, 0], strict=True))
        for line in lines
    ]
