"""A report as a workbook: what it comes to, its differences, and the rows that match."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import xlsxwriter
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts.models import LedgerEntry
from aftersales.states import ClaimStatus
from openplatform.approvals.models import Approval
from openplatform.core import money
from openplatform.core.background import note_progress
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.errors import type_of_text
from orders.states import OrderStatus
from reconciliation.documents import RESULTS
from reconciliation.errors import ReconciliationNotReady
from reconciliation.models import Reconciliation, ReconciliationRow

MADE_WHEN_ASKED = 5000  # rows; of more, the worker makes the files once the report is ready
ROWS_ON_A_SHEET = 1_000_000
CHUNK = 2000
MONEY, MOMENT, DAY = "#,##0.00", "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd"
R = ReconciliationRow.Result
STATES: Mapping[str, type_of_text] = {
    **{state.value: state.label for state in Approval.Status},
    **{state.value: state.label for state in ClaimStatus},
    **{state.value: state.label for state in OrderStatus},
}
TEXT, NUMBER, AMOUNT, TIME = "text", "number", "amount", "time"
Value = TypeVar("Value")
EXPLAINED_BY = 21  # its place among the columns


def captions() -> list[tuple[str, str, int]]:
    """Of the columns of rows, in the order of :func:`_values`: name, form, width."""
    return [
        (_("No."), NUMBER, 8),
        (_("Row of the file"), NUMBER, 12),
        (_("Result"), TEXT, 18),
        (_("Cause"), TEXT, 20),
        (_("Kind"), TEXT, 16),
        (_("Merchant's order number"), TEXT, 24),
        (_("Merchant's claim number"), TEXT, 24),
        (_("Their amount"), AMOUNT, 15),
        (_("Our amount"), AMOUNT, 15),
        (_("Difference (ours less theirs)"), AMOUNT, 18),
        (_("Their time"), TEXT, 20),
        (_("Our time"), TIME, 20),
        (_("Their state"), TEXT, 16),
        (_("Our state"), TEXT, 16),
        (_("Entry number"), TEXT, 12),
        (_("Order number"), TEXT, 21),
        (_("Suborder number"), TEXT, 23),
        (_("Claim number"), TEXT, 21),
        (_("Document"), TEXT, 14),
        (_("Document number"), TEXT, 21),
        (_("Explanation"), TEXT, 40),
        (_("Explained by"), TEXT, 16),
        (_("Explained at"), TIME, 20),
    ]


def write_report(
    reconciliation: Reconciliation, path: Path, language: str, *, names_staff: bool = False
) -> None:
    """The workbook of a report that is ready, at ``path``.

    Up to 5,000 rows it is written anew, with the explanations that there are by now. A longer one
    is the file that the worker wrote once, in which there are none yet.

    :param language: ``zh-hans`` or ``en``.
    :param names_staff: whether it tells who explained a row, which is not for merchants; the
        worker's file never does.
    :raises ReconciliationNotReady: while the worker is writing it.
    """
    kept = reconciliation.report_files.get(language)
    if kept is not None:
        with default_storage.open(kept) as stored, path.open("wb") as out:
            shutil.copyfileobj(stored, out)
    elif reconciliation.files_due_at is not None or row_count_of(reconciliation) > MADE_WHEN_ASKED:
        raise ReconciliationNotReady(_("The file of the report is being written"))
    else:
        make_workbook(reconciliation, path, language, names_staff=names_staff)


def row_count_of(reconciliation: Reconciliation) -> int:
    """How many rows the report has, of both sides."""
    return sum(result["count"] for result in reconciliation.results.values())


def make_workbook(
    reconciliation: Reconciliation, path: Path, language: str, *, names_staff: bool = False
) -> None:
    """The same, from its rows."""
    with translation.override(language):
        book = _Workbook(path, names_staff=names_staff)
        book.write_summary(reconciliation)
        rows = ReconciliationRow.objects.filter(reconciliation=reconciliation).order_by("position")
        book.write_rows(
            pgettext("sheet of a workbook", "Differences"), rows.exclude(result=R.MATCHED)
        )
        book.write_rows(pgettext("sheet of a workbook", "Matched"), rows.filter(result=R.MATCHED))
        book.close()


class _Workbook:
    """A file with little memory: rows leave it as they come."""

    def __init__(self, path: Path, *, names_staff: bool) -> None:
        self._left_out = frozenset[int]() if names_staff else frozenset({EXPLAINED_BY})
        self._book = xlsxwriter.Workbook(
            str(path),
            {
                "constant_memory": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
                "tmpdir": str(path.parent),
                "remove_timezone": True,
            },
        )
        self._amount = self._book.add_format({"num_format": MONEY})
        self._time = self._book.add_format({"num_format": MOMENT, "align": "left"})
        self._day = self._book.add_format({"num_format": DAY, "align": "left"})
        self._bold = self._book.add_format({"bold": True})
        self._caption = self._book.add_format(
            {"bold": True, "bottom": 1, "bg_color": "#E8EEF4", "text_wrap": True, "valign": "top"}
        )

    def write_summary(self, reconciliation: Reconciliation) -> None:
        """What the report is about, what it comes to, and what leads from their closing to ours."""
        sheet = self._book.add_worksheet(_("Report"))
        sheet.set_column(0, 0, 30)
        sheet.set_column(1, 4, 22)
        statement, partner = reconciliation.statement, reconciliation.partner
        lines: list[tuple[str, str | date | datetime | int]] = [
            (_("Report"), reconciliation.reconciliation_no),
            (_("Partner"), f"{partner.code} {partner.name}"),
            (_("First day"), statement.period_start),
            (_("Last day"), statement.period_end),
            (_("Statement"), statement.statement_no),
            (_("File"), reconciliation.filename),
            ("SHA-256", reconciliation.file_sha256),
            (_("Rows of the file"), reconciliation.row_count or 0),
        ]
        if reconciliation.ready_at is not None:
            lines.append((_("Made at"), reconciliation.ready_at))
        for row, (name, value) in enumerate(lines):
            sheet.write_string(row, 0, name, self._bold)
            match value:
                case datetime():
                    sheet.write_datetime(row, 1, _local(value), self._time)
                case date():
                    sheet.write_datetime(row, 1, value, self._day)
                case int():
                    sheet.write_number(row, 1, value)
                case _:
                    sheet.write_string(row, 1, value)
        at = len(lines) + 1
        heads = (_("Result"), _("Rows"), _("Their amount"), _("Our amount"), _("Difference"))
        for column, head in enumerate(heads):
            sheet.write_string(at, column, head, self._caption)
        for name in RESULTS:
            at += 1
            sums = sums_of(reconciliation, name)
            sheet.write_string(at, 0, str(R(name).label))
            sheet.write_number(at, 1, sums[0])
            for column, amount in enumerate((sums[1], sums[2], sums[2] - sums[1]), start=2):
                sheet.write_number(at, column, amount, self._amount)
        at += 2
        for step, amount in bridge_of(reconciliation):
            sheet.write_string(at, 0, str(step))
            sheet.write_number(at, 1, amount, self._amount)
            at += 1

    def write_rows(self, name: str, rows: QuerySet[ReconciliationRow]) -> None:
        """Rows under captions, on as many sheets as they need."""
        columns = self._shown_of(captions())
        labels = {
            "result": {choice.value: str(choice.label) for choice in R},
            "cause": {choice.value: str(choice.label) for choice in ReconciliationRow.Cause},
            "kind": {choice.value: str(choice.label) for choice in LedgerEntry.Kind},
            "state": {state: str(label) for state, label in STATES.items()},
            "document": {choice.value: str(choice.label) for choice in LedgerEntry.Document},
        }
        sheets = 0
        at = ROWS_ON_A_SHEET
        sheet = None
        for row in _in_chunks(rows):
            if at >= ROWS_ON_A_SHEET:
                sheets += 1
                sheet = self._sheet(name if sheets == 1 else f"{name} {sheets}", columns)
                at = 0
            at += 1
            if at % CHUNK == 0:
                note_progress()
            assert sheet is not None  # noqa: S101 - the first row made it
            for column, value in enumerate(self._shown_of(_values(row, labels))):
                match columns[column][1], value:
                    case (_form, None | ""):
                        continue
                    case (_form, datetime()):
                        sheet.write_datetime(at, column, _local(value), self._time)
                    case (_form, Decimal()):
                        sheet.write_number(at, column, value, self._amount)
                    case (_form, int()):
                        sheet.write_number(at, column, value)
                    case _:
                        sheet.write_string(at, column, value)
        if sheet is None:
            self._sheet(name, columns)

    def _shown_of(self, row: list[Value]) -> list[Value]:
        return [value for column, value in enumerate(row) if column not in self._left_out]

    def _sheet(
        self, name: str, columns: list[tuple[str, str, int]]
    ) -> xlsxwriter.worksheet.Worksheet:
        sheet = self._book.add_worksheet(name)
        for position, (caption, _form, width) in enumerate(columns):
            sheet.set_column(position, position, width)
            sheet.write_string(0, position, caption, self._caption)
        sheet.freeze_panes(1, 0)
        sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})  # they are meant as text
        return sheet

    def close(self) -> None:
        """There are no more rows."""
        self._book.close()


def _in_chunks(rows: QuerySet[ReconciliationRow]) -> Iterator[ReconciliationRow]:
    """By their position, each few by a statement of its own: no cursor has all of them ready before
    the first comes, and no transaction is open while they are written.
    """
    last = 0
    while found := list(rows.filter(position__gt=last)[:CHUNK]):
        yield from found
        last = found[-1].position


def sums_of(reconciliation: Reconciliation, result: str) -> tuple[int, Decimal, Decimal]:
    """Rows, their amount and our amount of a result."""
    sums = reconciliation.results.get(result)
    if sums is None:
        return 0, money.ZERO, money.ZERO
    return sums["count"], Decimal(sums["their_amount"]), Decimal(sums["our_amount"])


def bridge_of(reconciliation: Reconciliation) -> list[tuple[type_of_text, Decimal]]:
    """From their closing to ours: each step and what it adds."""
    opening = reconciliation.statement.opening_balance or money.ZERO
    steps: list[tuple[type_of_text, Decimal]] = [
        (_("Opening balance"), opening),
        (_("Their closing balance"), opening + (reconciliation.their_amount or money.ZERO)),
    ]
    for name in RESULTS:
        if name != R.MATCHED:
            _count, theirs, ours = sums_of(reconciliation, name)
            steps.append((R(name).label, ours - theirs))
    steps.append((_("Our closing balance"), opening + (reconciliation.our_amount or money.ZERO)))
    return steps


def _values(
    row: ReconciliationRow, labels: dict[str, dict[str, str]]
) -> list[str | int | Decimal | datetime | None]:
    ours, theirs = row.our_amount, row.their_amount
    return [
        row.position,
        row.file_row,
        labels["result"][row.result],
        labels["cause"].get(row.cause, ""),
        labels["kind"].get(row.kind, row.kind),
        row.merchant_order_no,
        row.merchant_aftersale_no,
        theirs,
        ours,
        (ours or money.ZERO) - (theirs or money.ZERO),
        row.their_at,
        row.our_at,
        row.their_status,
        labels["state"].get(row.our_status, row.our_status),
        "" if row.entry_no is None else str(row.entry_no),
        row.order_no,
        row.suborder_no,
        row.aftersale_no,
        labels["document"].get(row.document, row.document),
        row.document_no,
        row.resolution,
        row.resolved_by,
        row.resolved_at,
    ]


def _local(moment: datetime) -> datetime:
    """As spreadsheets have it, which know no time zones."""
    return moment.astimezone(PLATFORM_ZONE).replace(tzinfo=None)
