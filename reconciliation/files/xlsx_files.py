"""Statements as workbooks: a sheet with the head, then the rows on as many sheets as they need.

Codes and numbers of documents are text, amounts, quantities and rates are numbers, times are times
where the platform is. Rows leave the memory as they come.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import xlsxwriter
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from openplatform.core.clock import PLATFORM_ZONE
from reconciliation.files.rows import CAPTIONS, COLUMNS, KINDS, Head, Row

ROWS_ON_A_SHEET = 1_000_000  # of the 1,048,576 that a sheet has, the row of captions among them
FEW_ENTRIES = 20  # of at most a thousand lines each
EPOCH = date(1899, 12, 30)  # day 0 of spreadsheets
MIDNIGHT = datetime.combine(EPOCH, time())
DAY = timedelta(days=1)
MONEY, QUANTITY, RATE, TIME, DATE = (
    "#,##0.00", "#,##0", "0.00%", "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd",
)  # fmt: skip
A4 = 9  # its number in spreadsheets
WIDTHS = {
    "entry_no": 12, "at": 20, "kind": 16, "merchant_order_no": 24, "order_no": 21,
    "suborder_no": 23, "line_no": 11, "sku": 18, "name": 36, "quantity": 10, "unit_price": 13,
    "tax_rate": 9, "amount": 15, "balance_after": 16, "aftersale_no": 21, "note": 30,
}  # fmt: skip
HEAD_WIDTHS = (26, 32)


class Workbook:
    """A statement as a workbook; its texts in the language that is active when it is opened."""

    def __init__(self, path: Path, head: Head) -> None:
        self._book = xlsxwriter.Workbook(
            str(path),
            {
                # Of few entries it is put together without a dozen files besides.
                "in_memory": head.entry_count <= FEW_ENTRIES,
                "constant_memory": head.entry_count > FEW_ENTRIES,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
                "tmpdir": str(path.parent),
            },
        )
        self._book.set_properties(
            {"title": head.statement_no, "created": head.made_at.astimezone(PLATFORM_ZONE)}
        )
        self._money = self._book.add_format({"num_format": MONEY})
        self._quantity = self._book.add_format({"num_format": QUANTITY})
        self._rate = self._book.add_format({"num_format": RATE})
        self._time = self._book.add_format({"num_format": TIME, "align": "left"})
        self._date = self._book.add_format({"num_format": DATE, "align": "left"})
        self._wrapped = self._book.add_format({"text_wrap": True, "valign": "top"})
        self._name = self._book.add_format({"bold": True, "valign": "top"})
        self._caption = self._book.add_format({"bold": True, "bottom": 1, "bg_color": "#E8EEF4"})
        self._captions = [str(CAPTIONS[column]) for column in COLUMNS]
        self._kinds = {kind: str(title) for kind, title in KINDS.items()}
        self._sheet_name = pgettext("sheet of a workbook", "Entries")
        self._sheets = 0
        self._row = 0
        self._write_head(head)
        self._sheet = self._next_sheet()

    def _write_head(self, head: Head) -> None:
        sheet = self._book.add_worksheet(_("Statement"))
        for column, width in enumerate(HEAD_WIDTHS):
            sheet.set_column(column, column, width)
        for position, (name, value) in enumerate(head.lines()):
            sheet.write_string(position, 0, str(name), self._name)
            match value:
                case datetime():
                    sheet.write_number(position, 1, _serial_of(value), self._time)
                case date():
                    sheet.write_number(position, 1, float((value - EPOCH).days), self._date)
                case Decimal():
                    sheet.write_number(position, 1, value, self._money)
                case int():
                    sheet.write_number(position, 1, value, self._quantity)
                case _:
                    sheet.write_string(position, 1, value, self._wrapped)

    def _next_sheet(self) -> Worksheet:
        self._sheets += 1
        number = f" {self._sheets}" if self._sheets > 1 else ""
        sheet = self._book.add_worksheet(f"{self._sheet_name}{number}")
        for position, column in enumerate(COLUMNS):
            sheet.set_column(position, position, WIDTHS[column])
        for position, caption in enumerate(self._captions):
            sheet.write_string(0, position, caption, self._caption)
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)  # and on paper
        sheet.set_landscape()
        sheet.set_paper(A4)
        sheet.fit_to_pages(1, 0)
        sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})  # they are meant as text
        self._row = 0
        return sheet

    def add(self, row: Row) -> None:
        """One more row."""
        if self._row == ROWS_ON_A_SHEET:
            self._sheet = self._next_sheet()
        self._row += 1
        text, number, at = self._sheet.write_string, self._sheet.write_number, self._row
        text(at, 0, str(row.entry_no))
        number(at, 1, _serial_of(row.at), self._time)
        text(at, 2, self._kinds[row.kind])
        if row.merchant_order_no:
            text(at, 3, row.merchant_order_no)
        if row.order_no:
            text(at, 4, row.order_no)
        if row.suborder_no:
            text(at, 5, row.suborder_no)
        if row.line_no is not None:
            text(at, 6, str(row.line_no))
            text(at, 7, row.sku)
            text(at, 8, row.name)
        _write(self._sheet, at, 9, row.quantity, self._quantity)
        _write(self._sheet, at, 10, row.unit_price, self._money)
        _write(self._sheet, at, 11, row.tax_rate, self._rate)
        number(at, 12, row.amount, self._money)
        _write(self._sheet, at, 13, row.balance_after, self._money)
        if row.aftersale_no:
            text(at, 14, row.aftersale_no)
        if row.note:
            text(at, 15, row.note)

    def close(self) -> None:
        """There are no more rows: the file is put together."""
        self._book.close()


def _write(
    sheet: Worksheet, row: int, column: int, value: int | Decimal | None, shown: Format
) -> None:
    if value is not None:
        sheet.write_number(row, column, value, shown)


def _serial_of(moment: datetime) -> float:
    """A time as spreadsheets count it: days, where the platform is. They show seconds, and round:
    the last moment of a day would be shown on the next.
    """
    local = moment.astimezone(PLATFORM_ZONE).replace(tzinfo=None, microsecond=0)
    return (local - MIDNIGHT) / DAY
