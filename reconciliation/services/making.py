"""A worker makes statements: fixes the range of entries, writes every file, and lets it be seen."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import structlog
from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Contact
from accounts.services.locks import lock_partner
from openplatform.audit.services.recording import record_change
from openplatform.core import clock, money
from openplatform.core.background import note_progress
from openplatform.core.errors import TemporarilyUnavailable
from openplatform.core.heartbeats import Heartbeat
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from openplatform.core.uploads.storage import storing_path
from openplatform.messaging.services.mailing import queue_mail
from openplatform.messaging.services.publishing import publish_all
from reconciliation.documents import AMOUNT_OF_KIND, statement_document
from reconciliation.files.rows import Head, Row, Standing
from reconciliation.files.writing import MadeFile, write_files
from reconciliation.messages import STATEMENT_READY, draft
from reconciliation.models import Statement, StatementFile
from reconciliation.selectors import ledger_rows, periods
from reconciliation.selectors.periods import PeriodKind, period_kind
from reconciliation.selectors.statements import FOLDER
from reconciliation.services.billing import issue_bill
from reconciliation.services.papers import (
    MAX_ATTEMPTS,
    LeaseLost,
    keep,
    lock_held,
    put_off,
    take_due,
)
from reconciliation.services.scheduling import PLATFORM
from reconciliation.states import PaperStatus

log = structlog.get_logger(__name__)

MAX_ERROR = 500
PAUSE_AFTER_FAULT = timedelta(seconds=20)
LOOK_EVERY = 0.2  # seconds, at a statement that somebody else makes
# An update, not a lock: who waits for it evaluates its own statement anew and takes its time then.
# Behind a mere lock it would go on with a time from before the wait, which may be of another day.
TOUCH_WALLET = """
    UPDATE accounts_wallet SET last_entry_no = last_entry_no WHERE partner_id = %(partner_id)s
"""

Progress = Callable[[int], None]


class BooksDiffer(Exception):
    """The ledger does not say the same everywhere: no statement is made of it."""

    def __init__(self, check: str, *, expected: object, found: object) -> None:
        super().__init__(f"{check}: {expected} ≠ {found}")
        self.check = check
        self.expected = str(expected)
        self.found = str(found)


@dataclass(frozen=True, slots=True)
class Range:
    """The entries of a statement, by those at its ends."""

    opening: periods.LastEntry
    closing: periods.LastEntry


def make_due_statement() -> int:
    """Loop: make the statement that has waited longest; 1, or 0 when none waits.

    Any number of workers may run it. What one that was killed had begun is begun anew when its
    lease ends: nothing of it was seen.
    """
    statement = take_due(Statement)
    if statement is None:
        return 0
    try:
        _make(statement)
    except OSError as error:
        log.error("statement_put_off", statement=statement.statement_no, error=str(error))
    except TemporarilyUnavailable:
        log.warning("statement_put_off", statement=statement.statement_no)
    return 1


def make_statement_now(*, pk: int, on_progress: Progress | None = None) -> Statement:
    """A statement that is ready or failed, made in place unless somebody else makes it already.

    :param on_progress: is told how many rows are done.
    :raises OSError, TemporarilyUnavailable: when it could not be made now; a worker will.
    """
    while True:
        statement = take_due(Statement, pk=pk)
        if statement is not None:
            _make(statement, on_progress)
        known = Statement.objects.select_related("partner").get(pk=pk)
        if known.status != PaperStatus.PREPARING:
            return known
        note_progress()
        if on_progress is not None:
            on_progress(known.rows_done)
        time.sleep(LOOK_EVERY)


def _make(statement: Statement, on_progress: Progress | None = None) -> None:
    """1. Fix the range. 2. Write the files, checking every row. 3. Store them and let them be seen.

    :raises OSError, TemporarilyUnavailable: after it was put off.
    """
    try:
        if statement.attempts > MAX_ATTEMPTS:
            _fail(statement, _("It was begun several times and never came to its end"))
            return
        with keep(statement) as heartbeat:
            _write_and_complete(statement, heartbeat, on_progress)
    except BooksDiffer as difference:
        _fail(statement, str(difference), difference)
    except LeaseLost:
        log.warning("statement_taken_over", statement=statement.statement_no)
    except (OSError, TemporarilyUnavailable):
        put_off(statement, pause=PAUSE_AFTER_FAULT)
        raise


def _write_and_complete(
    statement: Statement, heartbeat: Heartbeat, on_progress: Progress | None
) -> None:
    def tell(rows: int) -> None:
        heartbeat.tell(rows)
        if on_progress is not None:
            on_progress(rows)

    made_at = clock.now()
    range_ = fix_range(statement=statement)
    head = _head_of(statement, range_, made_at)
    with ExitStack() as stored:
        rows = stored.enter_context(
            closing(
                ledger_rows.list_rows(
                    partner_id=statement.partner_id,
                    after=range_.opening.entry_no,
                    up_to=range_.closing.entry_no,
                )
            )
        )
        folder = stored.enter_context(tempfile.TemporaryDirectory(prefix="statement-"))
        row_count, files = write_files(
            Path(folder), head=head, rows=checked(rows, range_, head.totals), on_progress=tell
        )
        names = []
        for file in files:
            place = storing_path(file.path, extension=file.format, folder=FOLDER, now=made_at)
            names.append(stored.enter_context(place))
            note_progress()
        _complete(statement, range_, head, row_count, list(zip(files, names, strict=True)))


@transactional
def fix_range(*, statement: Statement) -> Range:
    """The entries of the period, for ever: whoever writes to the wallet from here on writes after
    its last midnight. The wallet is held for these two look-ups and no longer.
    """
    send(TOUCH_WALLET, {"partner_id": statement.partner_id})
    first, last = (
        periods.read_last_entry(partner_id=statement.partner_id, before=day)
        for day in _midnights_of(statement)
    )
    return Range(first, last)


def _head_of(statement: Statement, range_: Range, made_at: datetime) -> Head:
    """What is fixed with the range needs no lock any more, neither holds nor credit line."""
    partner = statement.partner
    opening, closing = (
        Standing(
            entry.balance,
            periods.read_held_amount(partner_id=partner.pk, before=day),
            periods.read_credit_limit(partner_id=partner.pk, before=day),
        )
        for entry, day in zip(
            (range_.opening, range_.closing), _midnights_of(statement), strict=True
        )
    )
    return Head(
        statement_no=statement.statement_no,
        partner_code=partner.code,
        partner_name=partner.name,
        period_start=statement.period_start,
        period_end=statement.period_end,
        currency=settings.CURRENCY,
        opening=opening,
        closing=closing,
        totals=ledger_rows.add_up(
            partner_id=partner.pk,
            after=range_.opening.entry_no,
            up_to=range_.closing.entry_no,
        ),
        entry_count=range_.closing.entry_no - range_.opening.entry_no,
        made_at=made_at,
    )


def checked(rows: Iterable[Row], range_: Range, totals: dict[str, Decimal]) -> Iterator[Row]:
    """The same rows, each held against the one before, and all against what the head says.

    :raises BooksDiffer: where an entry is missing, a balance does not follow from the one before,
        the parts of an order do not come to its payment, or the end is not what it should be.
    """
    entry_no, balance = range_.opening
    added = dict.fromkeys(totals, money.ZERO)
    parts, due = money.ZERO, money.ZERO  # of the payment before
    for row in rows:
        if not row.is_entry:
            parts += row.amount
            yield row
            continue
        _require(f"entry {entry_no} parts", due, parts)
        _require("entry_no", entry_no + 1, row.entry_no)
        _require(f"entry {row.entry_no} balance", balance + row.amount, row.balance_after)
        entry_no, balance = row.entry_no, balance + row.amount
        added[row.kind] += row.amount
        parts, due = money.ZERO, row.amount if row.kind == "order_payment" else money.ZERO
        yield row
    _require(f"entry {entry_no} parts", due, parts)
    _require("last entry_no", range_.closing.entry_no, entry_no)
    _require("closing balance", range_.closing.balance, balance)
    for kind, amount in totals.items():
        _require(f"sum of {kind}", amount, added[kind])


def _require(check: str, expected: object, found: object) -> None:
    if expected != found:
        raise BooksDiffer(check, expected=expected, found=found)


@transactional
def _complete(
    statement: Statement,
    range_: Range,
    head: Head,
    row_count: int,
    files: list[tuple[MadeFile, str]],
) -> None:
    """Everything of it is seen at once. 1. Lock the partner, whom a bill of the month locks, and
    the statement. 2. Hold it against those before and after it. 3. Write. 4. Tell.

    :raises LeaseLost: when somebody else has it by now.
    :raises BooksDiffer: when it does not open as one before it closed, or close as one after it
        opened.
    """
    partner = lock_partner(pk=statement.partner_id)
    held = lock_held(statement)
    _require_continuity(held, head, range_)
    now = clock.now()
    held.status, held.ready_at, held.due_at, held.error = PaperStatus.READY, now, None, ""
    held.opening_entry_no, held.closing_entry_no = range_.opening.entry_no, range_.closing.entry_no
    for end, standing in (("opening", head.opening), ("closing", head.closing)):
        setattr(held, f"{end}_balance", standing.balance)
        setattr(held, f"{end}_held_amount", standing.held_amount)
        setattr(held, f"{end}_credit_limit", standing.credit_limit)
    for kind, column in AMOUNT_OF_KIND.items():
        setattr(held, column, head.totals[kind.value])
    held.row_count = held.rows_done = row_count
    held.save()
    kept = StatementFile.objects.bulk_create(
        StatementFile(
            statement=held,
            format=file.format,
            language=file.language,
            file=name,
            sha256=file.sha256,
            size_bytes=file.size_bytes,
        )
        for file, name in files
    )
    record_change(
        action="make_statement",
        subject=held,
        before={"status": PaperStatus.PREPARING.value},
        after={"status": held.status, "closing_balance": held.closing_balance},
        actor=held.requested_by,
        partner_id=partner.pk,
    )
    _tell(held, kept)
    period = period_kind(held.period_start, held.period_end)
    if held.requested_by != PLATFORM or period != PeriodKind.DAY:
        queue_mail(
            topic=Contact.Topic.STATEMENT_READY,
            partner_id=partner.pk,
            facts={
                "partner": {"code": partner.code, "name": partner.name},
                "statement": statement_document(held, []),
                "kind": period.value,
                "month": f"{held.period_start:%Y-%m}",
            },
        )
    if period == PeriodKind.MONTH:
        issue_bill(held, now=now)
    log.info("statement_made", statement=held.statement_no, rows=row_count)


def _require_continuity(statement: Statement, head: Head, range_: Range) -> None:
    """Under the partner's lock, so that of two neighbours made at once one sees the other."""
    ready = Statement.objects.filter(partner=statement.partner_id, status=PaperStatus.READY)
    first, behind = _midnights_of(statement)
    for end, standing, entry, neighbours, of_neighbour in (
        ("opening", head.opening, range_.opening,
         ready.filter(period_end=first - timedelta(days=1)), "closing"),
        ("closing", head.closing, range_.closing, ready.filter(period_start=behind), "opening"),
    ):  # fmt: skip
        found = (entry.entry_no, standing.balance, standing.held_amount, standing.credit_limit)
        for neighbour in neighbours:
            expected = tuple(
                getattr(neighbour, f"{of_neighbour}_{name}")
                for name in ("entry_no", "balance", "held_amount", "credit_limit")
            )
            if expected != found:
                _require(
                    f"{end}, held against {neighbour.statement_no}",
                    " / ".join(map(str, expected)),
                    " / ".join(map(str, found)),
                )


@transactional
def _fail(statement: Statement, text: str, difference: BooksDiffer | None = None) -> None:
    """It is not made, and whoever waits for it is told; our own side of books that differ."""
    held = lock_held(statement)
    held.status, held.due_at, held.error = PaperStatus.FAILED, None, text[:MAX_ERROR]
    held.save(update_fields=["status", "due_at", "error"])
    log.error("statement_failed", statement=held.statement_no, error=text)
    record_change(
        action="fail_statement",
        subject=held,
        before={"status": PaperStatus.PREPARING.value},
        after={"status": held.status, "error": held.error},
        actor=held.requested_by,
        partner_id=held.partner_id,
    )
    _tell(held, [])
    if difference is not None:
        page = reverse("admin:reconciliation_statement_change", args=(held.pk,))
        queue_mail(
            topic=Contact.Topic.BOOKS_DIFFER,
            partner_id=None,
            facts={
                "as_of": clock.to_text(clock.now()),
                "difference_count": 1,
                "differences": [
                    {
                        "check": difference.check,
                        "partner": held.partner.code,
                        "document": held.statement_no,
                        "expected": difference.expected,
                        "found": difference.found,
                    }
                ],
                "url": f"{settings.PUBLIC_URL}{page}",
            },
        )


def _tell(statement: Statement, files: list[StatementFile]) -> None:
    document = statement_document(statement, files)
    publish_all([draft(STATEMENT_READY, partner_id=statement.partner_id, document=document)])


def _midnights_of(statement: Statement) -> tuple[date, date]:
    """The days that begin where the period begins, and where it ends."""
    return statement.period_start, statement.period_end + timedelta(days=1)
