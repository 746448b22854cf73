"""Tables as files that pages give away: figures and reports, templates and faults of imports."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import openpyxl
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from openplatform.core.clock import PLATFORM_ZONE
from openplatform.imports.resources import Resource

# What a spreadsheet takes for the beginning of a formula, also behind blanks and full-width.
FORMULA_STARTS = frozenset("=+-@\t\r\n＝＋－＠")
FAULT_COLUMNS = ("row", "column", "code", "text")
Value = str | int | Decimal | float | date | None


class Form(StrEnum):
    """How the values of a column are written; nothing is nowhere the same as zero."""

    TEXT = "text"
    COUNT = "count"
    AMOUNT = "amount"
    SHARE = "share"  # of one
    HOURS = "hours"
    DAY = "day"
    MOMENT = "moment"


IN_WORKBOOKS = {
    Form.TEXT: "@",
    Form.COUNT: "#,##0",
    Form.AMOUNT: "#,##0.00",
    Form.SHARE: "0.00%",
    Form.HOURS: "#,##0.0",
    Form.DAY: "yyyy-mm-dd",
    Form.MOMENT: "yyyy-mm-dd hh:mm",
}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns. ``name`` stands for it in addresses and files."""

    name: str
    title: str
    columns: Sequence[tuple[str, Form]]
    rows: Sequence[Sequence[Value]]


def template_of(resource: Resource) -> bytes:
    """An empty file of a resource: its head, as a spreadsheet opens it."""
    return csv_of([[neutralised(column.name) for column in resource.page_columns]])


def csv_of_faults(faults: Sequence[Mapping[str, Any]]) -> bytes:
    """Faults or warnings, as they are kept. No cell is a formula, whatever the file said."""
    rows = [[neutralised(fault[name]) for name in FAULT_COLUMNS] for fault in faults]
    return csv_of([FAULT_COLUMNS, *rows])


def neutralised(value: Any) -> Any:
    """A cell that no spreadsheet computes: what looks like a formula gets an apostrophe."""
    if isinstance(value, str) and value.lstrip(" ")[:1] in FORMULA_STARTS and value.strip():
        return f"'{value}"
    return value


def csv_of(rows: Iterable[Iterable[Any]]) -> bytes:
    """Cells as they are, in UTF-8 with a byte order mark, without which Excel reads another
    encoding.
    """
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return codecs.BOM_UTF8 + out.getvalue().encode()


def to_csv(table: Table) -> bytes:
    """No cell is a formula; a share is a number between 0 and 1, a time a number of hours."""
    rows = [
        [
            neutralised(value) if isinstance(value, str) else _plain(value, form)
            for value, (_title, form) in zip(row, table.columns, strict=True)
        ]
        for row in table.rows
    ]
    return csv_of([[title for title, _form in table.columns], *rows])


def to_xlsx(tables: Sequence[Table]) -> bytes:
    """A workbook with a sheet for each: text is text, numbers are numbers."""
    book = openpyxl.Workbook(write_only=True)
    for table in tables:
        sheet = book.create_sheet(table.title)
        sheet.freeze_panes = "A2"
        head = []
        for number, (title, form) in enumerate(table.columns):
            letter = get_column_letter(number + 1)
            sheet.column_dimensions[letter].width = 28 if form == Form.TEXT else 16
            cell = WriteOnlyCell(sheet, value=title)
            cell.font = Font(bold=True)
            head.append(cell)
        sheet.append(head)
        for row in table.rows:
            cells = zip(row, table.columns, strict=True)
            sheet.append([_cell(sheet, value, form) for value, (_title, form) in cells])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(sheet: Any, value: Value, form: Form) -> Cell:
    if isinstance(value, str):
        value = ILLEGAL_CHARACTERS_RE.sub("", value)
    elif isinstance(value, datetime):  # a workbook knows no time zones
        value = value.astimezone(PLATFORM_ZONE).replace(tzinfo=None)
    given: Any = value  # openpyxl takes a Decimal; its types do not know
    cell: Cell = WriteOnlyCell(sheet, value=given)
    if isinstance(value, str):
        cell.data_type = "s"  # also of what begins like a formula
    cell.number_format = IN_WORKBOOKS[form]
    return cell


def _plain(value: Value, form: Form) -> str | int | None:
    match value:
        case None | str() | int():
            return value
        case datetime():
            return f"{value.astimezone(PLATFORM_ZONE):%Y-%m-%d %H:%M}"
        case date():
            return value.isoformat()
        case _:
            return f"{value:.{4 if form == Form.SHARE else 2}f}"
