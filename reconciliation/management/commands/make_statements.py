"""``manage.py make_statements``: ask for statements and make them in place."""

from __future__ import annotations

import argparse
import calendar
import getpass
import json
import re
import time
from argparse import ArgumentParser
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Partner
from openplatform.core import clock
from openplatform.core.errors import DomainError
from reconciliation.documents import statement_document
from reconciliation.models import Statement
from reconciliation.selectors.periods import read_yesterday
from reconciliation.services.making import make_statement_now
from reconciliation.services.requesting import request_statement, require_closed
from reconciliation.states import PaperStatus

MONTH = re.compile(r"(\d{4})-(\d\d)", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
FAILED, NOT_RUN = 1, 2  # exit statuses
TOLD_EVERY = 2.0  # seconds


class Period(NamedTuple):
    """Both days included."""

    start: date
    end: date


def read_period(text: str) -> Period:
    """``2026-10``, ``2026-10-03`` or ``2026-10-01..2026-10-09``."""
    try:
        if month := MONTH.fullmatch(text):
            first = date(int(month[1]), int(month[2]), 1)
            days = calendar.monthrange(first.year, first.month)[1]
            return Period(first, first.replace(day=days))
        start, dots, end = text.partition("..")
        if not DAY.fullmatch(start) or (dots and not DAY.fullmatch(end)):
            raise ValueError
        first = date.fromisoformat(start)
        return Period(first, date.fromisoformat(end) if dots else first)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no month (2026-10), day (2026-10-03) or two days (2026-10-01..2026-10-09)"
        ) from error


class Command(BaseCommand):
    """Exits with 0 when all are ready, with 1 when some could not be made, with 2 when it could not
    go on.
    """

    help = (
        "Make the statements of a period for every merchant, or for some, and wait until they are "
        "ready. Those that are ready already stay as they are; those that failed are made again. "
        "Exit status: 0 all ready, 1 some failed, 2 could not go on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Of which days, and whose."""
        parser.add_argument(
            "--period",
            type=read_period,
            help="a month (2026-10), a day (2026-10-03), or two days with both included "
            "(2026-10-01..2026-10-09); yesterday when left out",
        )
        parser.add_argument(
            "--partner", action="append", default=[], metavar="CODE",
            help="may be repeated; every merchant that was there by then when left out",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print the statements as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """:raises CommandError: with status 1 for those that failed, 2 when it could not run."""
        yesterday = read_yesterday()
        period = options["period"] or Period(yesterday, yesterday)
        statements = []
        try:
            require_closed(period.start, period.end)
            partners = self._list_partners(options["partner"], period)
            for number, partner in enumerate(partners, start=1):
                asked = request_statement(
                    partner_id=partner.pk,
                    period_start=period.start,
                    period_end=period.end,
                    by=f"command:{getpass.getuser()}",
                    now=clock.now(),
                )
                told = _Telling(self, f"{number}/{len(partners)} {partner.code}")
                made = make_statement_now(pk=asked.pk, on_progress=told)
                statements.append(made)
                if not options["json"]:
                    self._print(made)
        except DomainError as error:
            fault = error.faults[0] if error.faults else error
            raise CommandError(f"{fault.pointer} {fault.detail}", returncode=NOT_RUN) from error
        except (Error, OSError) as error:
            raise CommandError(str(error), returncode=NOT_RUN) from error
        if options["json"]:
            documents = [_document_of(statement) for statement in statements]
            self.stdout.write(json.dumps({"results": documents}, ensure_ascii=False, indent=2))
        failed = sum(statement.status != PaperStatus.READY for statement in statements)
        if failed:
            text = ngettext(
                "%(count)d statement could not be made", "%(count)d statements could not be made",
                failed,
            )  # fmt: skip
            raise CommandError(text % {"count": failed}, returncode=FAILED)

    def _list_partners(self, codes: list[str], period: Period) -> list[Partner]:
        """Those that were named; else all that were there when the period ended."""
        if not codes:
            midnight = datetime.combine(
                period.end + timedelta(days=1), datetime.min.time(), clock.PLATFORM_ZONE
            )
            return list(Partner.objects.filter(created_at__lt=midnight).order_by("code"))
        known = {partner.code: partner for partner in Partner.objects.filter(code__in=codes)}
        for code in codes:
            if code not in known:
                raise CommandError(
                    _("There is no partner %(code)s") % {"code": code}, returncode=NOT_RUN
                )
        return [known[code] for code in dict.fromkeys(codes)]

    def _print(self, statement: Statement) -> None:
        fields = [statement.partner.code, statement.statement_no, statement.status]
        if statement.status == PaperStatus.READY:
            fields += [str(statement.opening_balance), str(statement.closing_balance)]
        else:
            fields.append(statement.error)
        self.stdout.write("  ".join(fields))


def _document_of(statement: Statement) -> dict[str, Any]:
    return {
        "partner": statement.partner.code,
        **statement_document(statement, statement.files.all()),
        "error": statement.error or None,
    }


class _Telling:
    """Shows how far a statement is that takes longer than a moment."""

    def __init__(self, command: BaseCommand, name: str) -> None:
        self._command = command
        self._name = name
        self._told_at = time.monotonic()

    def __call__(self, rows: int) -> None:
        now = time.monotonic()
        if now - self._told_at >= TOLD_EVERY:
            self._told_at = now
            self._command.stderr.write(
                _("%(name)s: %(rows)d rows …") % {"name": self._name, "rows": rows}
            )
