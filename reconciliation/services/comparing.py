"""The worker holds merchants' files against the ledger."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from decimal import Decimal
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import structlog
from django.db import connection
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext as _

from openplatform.core import clock, money
from openplatform.core.background import note_progress
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.errors import TemporarilyUnavailable
from openplatform.core.heartbeats import Heartbeat
from openplatform.core.identifiers import random_text
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from openplatform.core.uploads.storage import local_copy
from openplatform.imports.errors import ImportRefused, RowFault
from openplatform.messaging.services.publishing import publish_all
from reconciliation.comparing import ledger_side
from reconciliation.comparing.causes import Causes
from reconciliation.comparing.heads import Head
from reconciliation.comparing.matching import Ours, Outcome, Theirs, match_group
from reconciliation.comparing.reading import MerchantFile, TheirRow
from reconciliation.comparing.tables import (
    ANALYZE,
    BY_AMOUNT,
    BY_NUMBER,
    BY_OUR_NUMBER,
    COPY_REPORT,
    COPY_THEIRS,
    DAYS,
    MAKE_OURS,
    MAKE_REPORT,
    MAKE_THEIRS,
    OURS,
    REPEATED,
    SUMS,
    THEIRS,
    WRITE_REPORT,
)
from reconciliation.documents import reconciliation_document
from reconciliation.files.report import MADE_WHEN_ASKED
from reconciliation.messages import RECONCILIATION_READY, draft
from reconciliation.models import ColumnMapping, Reconciliation
from reconciliation.services.making import make_statement_now
from reconciliation.services.papers import (
    MAX_ATTEMPTS,
    LeaseLost,
    keep,
    lock_held,
    put_off,
    take_due,
)
from reconciliation.states import PaperStatus

log = structlog.get_logger(__name__)

# A file is copied while it is read, which takes longer than what web requests are given.
TAKE_TIME = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"

PAUSE_FOR_STATEMENT = timedelta(seconds=2)
PAUSE_WHEN_BUSY = timedelta(seconds=20)
BATCH = 2000  # rows that are fetched, looked into for causes, and written at once
MAX_MAPPINGS = 200  # of a partner, the latest; older ones are not looked at

T = TypeVar("T")


class Refused(Exception):
    """There is no report: the file is not to be understood, or there is nothing to hold it
    against.

    :param refused: what is wrong with the file.
    :param told: what the merchant reads where that is not the text.
    """

    def __init__(
        self, text: str, refused: ImportRefused | None = None, *, told: str | None = None
    ) -> None:
        super().__init__(text)
        self.text = text
        self._refused = refused
        self._told = told or text

    @property
    def faults(self) -> Sequence[RowFault]:
        """Of the file, or one of no row, so that the merchant reads in any case why."""
        if self._refused is not None:
            return self._refused.row_faults
        return [RowFault(0, "", ImportRefused.code, self._told)]

    @property
    def fault_count(self) -> int:
        """How many there are of them, those that are not kept among them."""
        return self._refused.fault_count if self._refused is not None else 1


class Sums(NamedTuple):
    """Of one result: rows, and what they come to on both sides."""

    row_count: int
    their_amount: Decimal
    our_amount: Decimal


def compare_due_file() -> int:
    """Loop: hold the file that has waited longest against the ledger; 1, or 0 when none waits."""
    reconciliation = take_due(Reconciliation)
    if reconciliation is None:
        return 0
    _work(reconciliation)
    return 1


def compare_now(*, pk: int) -> Reconciliation:
    """The report of one file, made here and now unless another worker is at it."""
    reconciliation = take_due(Reconciliation, pk=pk)
    if reconciliation is not None:
        _work(reconciliation)
    return Reconciliation.objects.select_related("statement", "partner").get(pk=pk)


def _work(reconciliation: Reconciliation) -> None:
    """What was taken up: a report, a refusal, or given back for later."""
    with translation.override(reconciliation.language):
        try:
            if reconciliation.attempts > MAX_ATTEMPTS:
                raise Refused(
                    _("It was begun several times and never came to its end"),
                    told=_("It could not be compared; we were told of it"),
                )
            with keep(reconciliation) as heartbeat:
                is_there = _has_statement(reconciliation)
                if is_there:
                    with local_copy(reconciliation.file) as file:
                        _compare(reconciliation, file, heartbeat)
            if not is_there:
                put_off(reconciliation, pause=PAUSE_FOR_STATEMENT)
        except Refused as refused:
            _refuse(reconciliation, refused)
        except FileNotFoundError:
            _refuse(reconciliation, Refused(_("The stored file is gone; upload it again")))
        except LeaseLost:
            log.warning("comparison_taken_over", reconciliation=reconciliation.reconciliation_no)
        except (OSError, TemporarilyUnavailable) as error:
            log.warning(
                "comparison_put_off",
                reconciliation=reconciliation.reconciliation_no,
                error=str(error),
            )
            put_off(reconciliation, pause=PAUSE_WHEN_BUSY)


def _has_statement(reconciliation: Reconciliation) -> bool:
    """Make our side where it is missing; False while it is not ready all the same.

    :raises Refused: when it could not be made.
    :raises TemporarilyUnavailable: when it could not be made now.
    """
    statement = reconciliation.statement
    if statement.status != PaperStatus.READY:
        try:
            statement = make_statement_now(pk=statement.pk)
        except OSError as error:
            raise TemporarilyUnavailable from error
        reconciliation.statement = statement
    if statement.status == PaperStatus.FAILED:
        raise Refused(
            _("The statement of the period could not be made; the platform has been told")
        )
    return bool(statement.status == PaperStatus.READY)


@transactional
def _compare(reconciliation: Reconciliation, file: Path, heartbeat: Heartbeat) -> None:
    """All in one transaction, so that a report is there as a whole or not at all.

    1. Copy the file's rows into a table of their own while they are read, and our entries of the
       period beside them. 2. Go through both in the order of what they are matched by. 3. Write
       the report in the order of the file. 4. Lock the row of the report, and fill it.

    :raises Refused: with the faults of the file.
    :raises LeaseLost: when another worker took it over; nothing is written.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE_TIME)
    head, row_count = _copy_theirs(reconciliation, file, heartbeat)
    statement = reconciliation.statement
    parameters = {
        "partner_id": reconciliation.partner_id,
        "opening": statement.opening_entry_no,
        "closing": statement.closing_entry_no,
        "zone": PLATFORM_ZONE.key,
        "kinds": list(ledger_side.DOCUMENT_KINDS),
    }
    with connection.cursor() as cursor:
        cursor.execute(MAKE_OURS, parameters)
        cursor.execute(ANALYZE)
        cursor.execute(BY_OUR_NUMBER, parameters)
        cursor.execute(BY_NUMBER, parameters)
        for day in DAYS:
            cursor.execute(BY_AMOUNT.format(**day), parameters)
        cursor.execute(REPEATED, parameters)
        cursor.execute(MAKE_REPORT)
    _write_outcomes(reconciliation, heartbeat)
    with connection.cursor() as cursor:
        cursor.execute(WRITE_REPORT, {"id": reconciliation.pk})
    heartbeat.tell(row_count)
    sums = {row[0]: Sums(*row[1:]) for row in send(SUMS).rows()}
    if abs(sum((of.their_amount for of in sums.values()), money.ZERO)) >= money.LIMIT:
        raise Refused(_("The rows of the file come to more than any balance can be"))
    _finish(lock_held(reconciliation), head, row_count, sums)


def _copy_theirs(
    reconciliation: Reconciliation, path: Path, heartbeat: Heartbeat
) -> tuple[Head, int]:
    file = MerchantFile(
        path,
        given=reconciliation.given_columns,
        remembered=_read_mappings(reconciliation.partner_id),
    )
    count = 0
    with connection.cursor() as cursor:
        cursor.execute(MAKE_THEIRS)
    try:
        with closing(file.rows()) as rows, _copying(COPY_THEIRS) as write:
            for count, row in enumerate(rows, start=1):
                write(_theirs_of(row))
                if count % BATCH == 0:
                    heartbeat.tell(count)
    except ImportRefused as refused:
        text = _("Faults: %(count)d. Nothing was compared") % {"count": refused.fault_count}
        raise Refused(text, refused) from refused
    assert file.head is not None  # noqa: S101 - the rows came after it
    return file.head, count


def _theirs_of(row: TheirRow) -> tuple[Any, ...]:
    is_document = row.kind in ledger_side.DOCUMENT_KINDS
    return (
        row.row, row.kind, row.merchant_order_no, row.merchant_aftersale_no, row.amount, row.at,
        row.status, row.state, "" if is_document else row.merchant_order_no, row.day,
    )  # fmt: skip


def _read_mappings(partner_id: int) -> dict[tuple[str, ...], dict[str, str]]:
    kept = ColumnMapping.objects.filter(partner=partner_id).order_by("-updated_at")
    return {tuple(mapping.heads): mapping.columns for mapping in kept[:MAX_MAPPINGS]}


def _write_outcomes(reconciliation: Reconciliation, heartbeat: Heartbeat) -> None:
    causes = Causes(reconciliation, now=clock.now())
    with _reading(THEIRS) as theirs, _reading(OURS) as ours:
        outcomes = _match((Theirs(*row) for row in theirs), (Ours(*row) for row in ours))
        while batch := list(islice(outcomes, BATCH)):
            causes.find(batch)
            with _copying(COPY_REPORT) as write:
                for outcome in batch:
                    write(_columns_of(outcome))
            note_progress()


def _match(theirs: Iterable[Theirs], ours: Iterable[Ours]) -> Iterator[Outcome]:
    """Both sides in one order, group by group."""

    def key_of(row: Theirs | Ours) -> tuple[str, str]:
        return row.kind, row.key

    their_groups = ((key, list(rows)) for key, rows in groupby(theirs, key_of))
    our_groups = ((key, list(rows)) for key, rows in groupby(ours, key_of))
    their_next, our_next = next(their_groups, None), next(our_groups, None)
    while their_next is not None or our_next is not None:
        key = min(group[0] for group in (their_next, our_next) if group is not None)
        their_rows: list[Theirs] = []
        our_rows: list[Ours] = []
        if their_next is not None and their_next[0] == key:
            their_rows, their_next = their_next[1], next(their_groups, None)
        if our_next is not None and our_next[0] == key:
            our_rows, our_next = our_next[1], next(our_groups, None)
        yield from match_group(their_rows, our_rows)


def _columns_of(outcome: Outcome) -> tuple[Any, ...]:
    """In the order of the columns in :mod:`reconciliation.comparing.tables`. An entry beside the
    row shows its documents, no amount.
    """
    theirs, ours = outcome.theirs, outcome.ours
    entry = ours or outcome.beside
    side = theirs or ours
    assert side is not None  # noqa: S101 - an outcome has a side
    return (
        theirs.row if theirs else None,
        str(outcome.result),
        str(outcome.cause),
        side.kind,
        theirs.merchant_order_no if theirs else side.merchant_order_no,
        theirs.merchant_aftersale_no if theirs else side.merchant_aftersale_no,
        theirs.amount if theirs else None,
        ours.amount if ours else None,
        theirs.at if theirs else "",
        theirs.status if theirs else "",
        entry.state if entry else outcome.our_state,
        entry.entry_no if entry else None,
        entry.created_at if entry else None,
        entry.order_no if entry else outcome.order_no,
        entry.suborder_no if entry else "",
        entry.aftersale_no if entry else "",
        entry.document if entry else ("order" if outcome.order_no else ""),
        entry.document_no if entry else outcome.order_no,
    )


def _finish(
    reconciliation: Reconciliation, head: Head, row_count: int, sums: dict[str, Sums]
) -> None:
    """Step: the report is ready, and the mapping that was given is remembered."""
    reconciliation.status = PaperStatus.READY
    reconciliation.due_at = None
    reconciliation.columns = dict(head.columns)
    reconciliation.row_count = reconciliation.rows_done = row_count
    reconciliation.their_amount = sum((of.their_amount for of in sums.values()), money.ZERO)
    reconciliation.our_amount = sum((of.our_amount for of in sums.values()), money.ZERO)
    reconciliation.results = {
        name: {
            "count": of.row_count,
            "their_amount": money.to_text(of.their_amount),
            "our_amount": money.to_text(of.our_amount),
        }
        for name, of in sorted(sums.items())
    }
    reconciliation.error = ""
    reconciliation.ready_at = clock.now()
    if sum(of.row_count for of in sums.values()) > MADE_WHEN_ASKED:
        reconciliation.files_due_at = Now()
    reconciliation.save()
    if reconciliation.given_columns is not None:
        ColumnMapping.objects.update_or_create(
            partner_id=reconciliation.partner_id,
            heads=list(head.cells),
            defaults={"columns": dict(head.columns), "updated_at": clock.now()},
        )
    _tell(reconciliation)


@transactional
def _refuse(reconciliation: Reconciliation, refused: Refused) -> None:
    """Failed, with what is wrong row by row; another worker's report stays."""
    try:
        held = lock_held(reconciliation)
    except LeaseLost:
        log.warning("comparison_taken_over", reconciliation=reconciliation.reconciliation_no)
        return
    held.status = PaperStatus.FAILED
    held.due_at = None
    held.error = refused.text[:500]
    held.faults = [dataclasses.asdict(fault) for fault in refused.faults]
    held.fault_count = refused.fault_count
    held.save()
    log.info(
        "comparison_failed", reconciliation=held.reconciliation_no, fault_count=held.fault_count
    )
    _tell(held)


def _tell(reconciliation: Reconciliation) -> None:
    document = reconciliation_document(reconciliation)
    publish_all(
        [draft(RECONCILIATION_READY, partner_id=reconciliation.partner_id, document=document)]
    )


@contextmanager
def _copying(statement: str) -> Iterator[Callable[[Sequence[Any]], None]]:
    """Rows into a table, as they come, by Postgres's COPY."""
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        connection.connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        yield copy.write_row


@contextmanager
def _reading(statement: str) -> Iterator[Iterator[tuple[Any, ...]]]:
    """Rows of a statement that stay with the server until they are asked for."""
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        connection.connection.cursor(name=f"compare_{random_text()}") as cursor,
    ):
        cursor.itersize = BATCH
        cursor.execute(statement)
        yield iter(cursor)
