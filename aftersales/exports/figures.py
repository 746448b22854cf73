"""Figures about claims as tables, which are shown on a page and written to files alike."""

from __future__ import annotations

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import openpyxl
from django.conf import settings
from django.utils.translation import gettext as _
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from aftersales.selectors.figures import AGES, Figures, Kind, Rate
from aftersales.states import ClaimStatus
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.imports.tables import neutralised

HOUR = timedelta(hours=1)
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


def list_tables(figures: Figures) -> list[Table]:
    """All figures, in the language of whoever looks."""
    return [
        *(_rates_table(figures, kind) for kind in Kind),
        _waits_table(figures),
        _open_table(figures),
        _refunds_table(figures),
    ]


def to_csv(table: Table) -> bytes:
    """In UTF-8 with a byte order mark. No cell is a formula; a share is a number between 0 and 1,
    a time a number of hours.
    """
    out = io.StringIO(newline="")
    rows = csv.writer(out)
    rows.writerow([title for title, _form in table.columns])
    for row in table.rows:
        cells = zip(row, table.columns, strict=True)
        rows.writerow(
            [
                neutralised(value) if isinstance(value, str) else _plain(value, form)
                for value, (_title, form) in cells
            ]
        )
    return BOM_UTF8 + out.getvalue().encode()


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


def _rates_table(figures: Figures, kind: Kind) -> Table:
    title = {
        Kind.SKU: _("By SKU"),
        Kind.REASON: _("By reason"),
        Kind.PARTNER: _("By merchant"),
        Kind.WAREHOUSE: _("By warehouse"),
    }[kind]
    rates = figures.rates[kind]
    return Table(
        kind.value,
        title,
        [
            (_("Code"), Form.TEXT),
            (_("Name"), Form.TEXT),
            (_("Claims"), Form.COUNT),
            (_("Units claimed"), Form.COUNT),
            (_("Units paid for"), Form.COUNT),
            (_("Claim rate"), Form.SHARE),
            (_("Units refunded"), Form.COUNT),
            (_("Refund rate"), Form.SHARE),
            (_("Refund of goods"), Form.AMOUNT),
        ],
        [_cells_of(rate) for rate in rates],
    )


def _cells_of(rate: Rate) -> list[Value]:
    return [
        rate.code,
        rate.name,
        rate.claim_count,
        rate.quantity,
        rate.bought_quantity,
        rate.claim_rate,
        rate.refunded_quantity,
        rate.refund_rate,
        rate.refund_amount,
    ]


def _waits_table(figures: Figures) -> Table:
    named = {
        "by_people": _("Filed until decided by people"),
        "by_rule": _("Filed until decided by rules"),
        "refund": _("Filed until refunded, without a return"),
        "return_refund": _("Filed until refunded, with a return"),
    }
    found = [(title, figures.waits[what]) for what, title in named.items() if what in figures.waits]
    return Table(
        "times",
        _("Time taken"),
        [
            (_("What"), Form.TEXT),
            (_("Claims"), Form.COUNT),
            (_("Half within (hours)"), Form.HOURS),
            (_("Nine of ten within (hours)"), Form.HOURS),
            (_("Longest (hours)"), Form.HOURS),
            (_("Within %(hours)d hours") % {"hours": settings.AFTERSALE_REVIEW_HOURS}, Form.SHARE),
        ],
        [
            [
                title,
                wait.count,
                wait.half_within / HOUR,
                wait.most_within / HOUR,
                wait.longest / HOUR,
                Decimal(wait.in_time_count) / wait.count,
            ]
            for title, wait in found
        ],
    )


def _open_table(figures: Figures) -> Table:
    first, second, third = AGES
    between = _("%(from)d to %(to)d days")
    return Table(
        "open",
        _("Open now"),
        [
            (_("Status"), Form.TEXT),
            (_("Claims"), Form.COUNT),
            (_("Overdue"), Form.COUNT),
            (_("Up to a day"), Form.COUNT),
            (between % {"from": first, "to": second}, Form.COUNT),
            (between % {"from": second, "to": third}, Form.COUNT),
            (_("Over %(days)d days") % {"days": third}, Form.COUNT),
            (_("The oldest was filed"), Form.MOMENT),
        ],
        [
            [
                str(ClaimStatus(state.status).label),
                state.count,
                state.overdue_count,
                *state.by_age,
                state.oldest_at,
            ]
            for state in figures.open_claims
        ],
    )


def _refunds_table(figures: Figures) -> Table:
    return Table(
        "refunds",
        _("Refunds by day"),
        [
            (_("Day"), Form.DAY),
            (_("Claims refunded"), Form.COUNT),
            (_("Goods"), Form.AMOUNT),
            (_("Freight"), Form.AMOUNT),
            (_("Refund"), Form.AMOUNT),
        ],
        [
            [day.on, day.count, day.goods_amount, day.freight_amount, day.amount]
            for day in figures.days
        ],
    )
