"""Proof that wallets, ledger, holds, credit lines and documents say the same, as of any time.

Every check is one statement, and all run in one read-only transaction on one snapshot: what commits
in the meantime is seen by all of them or by none, and a report speaks of one moment. Nothing is
locked: orders are placed and paid as ever.

**As of now** means the snapshot: every row that it shows counts, whatever its stamp, and the
wallets' own columns are held against the history.

**As of a time gone by** the wallets' columns have moved on, and the histories are what there is:

- Numbers, running balances and times are compared row by row with the row *before by number*, and
  sums are taken over the rows stamped up to that time. The wallet's lock gives a ledger row its
  number and its time together, so those rows are a beginning of the history, not a selection.
- A document and its entry commit together, but the document's stamp is taken a moment before the
  entry's, by another clock. A time between the two cuts a pair that is whole. So a pair counts
  when *either* of its stamps is up to that time, and its other half may bear any stamp: halves that
  commit together are both in the snapshot or both not. What lacks its other half is then found
  as of every time from its own stamp on, and a whole pair is never reported.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django_q.tasks import async_task

from accounts.models import BookCheck, Contact
from accounts.services.book_checks import list_checks
from openplatform.core import clock
from openplatform.core.errors import FieldInvalid
from openplatform.core.locking import transactional
from openplatform.core.statements import Parameters, send
from openplatform.messaging.services.mailing import queue_mail

log = structlog.get_logger(__name__)

KEPT = 100  # differences that a report names; all are counted
MAILED = 20
# Wide for the work of minutes, and not endless: the snapshot keeps dead rows from being cleaned up.
TIMEOUT = "30min"
# Less than `retry` in settings.Q_CLUSTER, after which the task would be begun once more beside the
# first. Books that take longer are checked by `verify_books --store`, from a timetable.
TASK_SECONDS = 240

COUNTS = """
    SELECT
        (SELECT count(*) FROM accounts_wallet wallet
            JOIN accounts_partner partner ON partner.id = wallet.partner_id
            WHERE %(as_of)s::timestamptz IS NULL OR partner.created_at <= %(as_of)s::timestamptz),
        (SELECT count(*) FROM accounts_ledgerentry
            WHERE %(as_of)s::timestamptz IS NULL OR created_at <= %(as_of)s::timestamptz),
        (SELECT count(*) FROM accounts_holdentry
            WHERE %(as_of)s::timestamptz IS NULL OR created_at <= %(as_of)s::timestamptz)
"""
# Counts all rows of a check and brings back the first.
FRAME = """
    SELECT difference.name, coalesce(partner.code, ''), difference.document, difference.expected,
        difference.found, count(*) OVER ()
    FROM ({check}) difference LEFT JOIN accounts_partner partner
        ON partner.id = difference.partner_id
    ORDER BY partner.code, length(difference.document), difference.document, difference.name
    LIMIT %(kept)s
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the books disagree.

    ``expected`` follows from the rest of the books and ``found`` stands there; None is nothing.
    """

    check: str
    partner: str
    document: str
    expected: str | None
    found: str | None


@dataclass(frozen=True, slots=True)
class BooksReport:
    """What a look at the books found; of the differences the first hundred."""

    as_of: datetime
    started_at: datetime
    wallets: int
    entries: int
    holds: int
    difference_count: int
    differences: list[Difference]
    seconds: float

    @property
    def is_ok(self) -> bool:
        """Whether everything agrees."""
        return self.difference_count == 0

    def document(self) -> dict[str, Any]:
        """The report as ``verify_books --json`` prints it."""
        return {
            "as_of": clock.to_text(self.as_of),
            "ok": self.is_ok,
            "wallets": self.wallets,
            "entries": self.entries,
            "holds": self.holds,
            "difference_count": self.difference_count,
            "differences": [asdict(difference) for difference in self.differences],
            "seconds": self.seconds,
        }


def verify_books(*, as_of: datetime | None = None) -> BooksReport:
    """Hold everything against everything else, for all wallets, as of a time or as of now.

    Takes no locks and writes nothing; see the module for what a time gone by means.

    :raises FieldInvalid: for a time to come, by the database's clock.
    """
    started_at, start = clock.now(), time.monotonic()
    parameters = {"as_of": as_of, "kept": KEPT}
    with _one_view() as seen_at:
        if as_of is not None and as_of > seen_at:
            raise FieldInvalid(_("Nobody knows the books of a time to come"), pointer="/as_of")
        wallets, entries, holds = _rows(COUNTS, parameters)[0]
        difference_count, differences = 0, []
        for check in list_checks():
            rows = _rows(FRAME.format(check=check), parameters)
            if rows:
                difference_count += rows[0][-1]
                differences += [Difference(*row[:-1]) for row in rows]
    return BooksReport(
        as_of=as_of or seen_at,
        started_at=started_at,
        wallets=wallets,
        entries=entries,
        holds=holds,
        difference_count=difference_count,
        differences=differences[:KEPT],
        seconds=round(time.monotonic() - start, 3),
    )


@transactional
def record_check(*, report: BooksReport) -> BookCheck:
    """Keep a report for the back office; differences are logged and mailed to our own side."""
    check = BookCheck.objects.create(
        as_of=report.as_of,
        started_at=report.started_at,
        seconds=report.seconds,
        is_ok=report.is_ok,
        wallet_count=report.wallets,
        entry_count=report.entries,
        difference_count=report.difference_count,
        differences=[asdict(difference) for difference in report.differences],
    )
    if not report.is_ok:
        page = reverse("admin:accounts_bookcheck_change", args=(check.pk,))
        queue_mail(
            topic=Contact.Topic.BOOKS_DIFFER,
            partner_id=None,
            facts={
                "as_of": clock.to_text(report.as_of),
                "difference_count": report.difference_count,
                "differences": check.differences[:MAILED],
                "url": f"{settings.PUBLIC_URL}{page}",
            },
        )
        log.error(
            "books_differ",
            as_of=clock.to_text(report.as_of),
            difference_count=report.difference_count,
            first=check.differences[0],
        )
    return check


def check_books() -> None:
    """Look at the books as of now and keep what was found."""
    record_check(report=verify_books())


def order_check() -> None:
    """The daily job: leave a check to the worker, with more time than its other tasks have."""
    async_task(f"{__name__}.{check_books.__name__}", timeout=TASK_SECONDS)


@contextmanager
def _one_view() -> Iterator[datetime]:
    """A read-only transaction in which all statements see the same rows; when it looked.

    The first query takes the snapshot; what commits afterwards is not there.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(f"SET LOCAL statement_timeout = '{TIMEOUT}'")
        cursor.execute("SELECT clock_timestamp()")
        yield cursor.fetchone()[0]


def _rows(statement: str, parameters: Parameters) -> list[tuple[Any, ...]]:
    return send(statement, parameters).rows()
