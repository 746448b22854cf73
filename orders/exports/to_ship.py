"""What each warehouse has to ship, as a file: filled in, its rows are the import of shipments."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence

import openpyxl
from django.db.models import Exists, F, OuterRef, Prefetch, QuerySet
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from openplatform.core.clock import PLATFORM_ZONE
from openplatform.imports.tables import csv_of, neutralised
from orders.imports.shipments import READABLE
from orders.models import OrderLine, Suborder
from orders.states import SuborderStatus

MOST = 20_000  # suborders of a file; the oldest come first, the others with the next one
CHUNK = 500
COLUMNS = ("order_no", "carrier", "waybill_no", "lines", "shipped_at", *READABLE)
LINES = COLUMNS.index("lines")
# A spreadsheet takes 1:30, alone in a cell, for half past one.
LIKE_A_TIME = re.compile(r"[0-9]+:[0-9]+")

Cells = Sequence[str]


def list_to_ship() -> QuerySet[Suborder]:
    """Suborders of which something is left to ship that no open claim stops, by warehouse, the
    first paid first.
    """
    left = OrderLine.objects.filter(
        suborder=OuterRef("pk"),
        quantity__gt=F("shipped_quantity") + F("closed_quantity") + F("stopped_quantity"),
    )
    return Suborder.objects.filter(
        Exists(left),
        status__in=(SuborderStatus.AWAITING_SHIPMENT, SuborderStatus.PARTLY_SHIPPED),
    ).order_by("warehouse__code", "order__paid_at", "pk")


def to_csv(parts: QuerySet[Suborder]) -> bytes:
    """In UTF-8 with a byte order mark. No cell is a formula, or becomes a time of day."""
    rows = []
    for cells in _rows_of(parts):
        line = [neutralised(cell) for cell in cells]
        if LIKE_A_TIME.fullmatch(line[LINES]):
            line[LINES] = f"'{line[LINES]}"
        rows.append(line)
    return csv_of([COLUMNS, *rows])


def to_xlsx(parts: QuerySet[Suborder]) -> bytes:
    """A workbook in which every cell is text."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("to ship")
    for cells in (COLUMNS, *_rows_of(parts)):
        row = []
        for text in cells:
            cell = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("", text))
            cell.data_type = "s"  # also of what begins like a formula
            cell.number_format = "@"
            row.append(cell)
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _rows_of(parts: QuerySet[Suborder]) -> Iterator[Cells]:
    complete = parts.select_related("warehouse", "order__partner").prefetch_related(
        Prefetch("lines", OrderLine.objects.order_by("line_no"))
    )
    for part in complete[:MOST].iterator(chunk_size=CHUNK):
        yield _row_of(part, [line for line in part.lines.all() if line.left_quantity])


def _row_of(part: Suborder, left: Sequence[OrderLine]) -> Cells:
    order = part.order
    facts = {
        "order_no": part.order_no,
        "lines": " ".join(f"{line.line_no}:{line.left_quantity}" for line in left),
        "warehouse": part.warehouse.code,
        "partner": order.partner.code,
        "merchant_order_no": order.merchant_order_no,
        "paid_at": f"{order.paid_at.astimezone(PLATFORM_ZONE):%Y-%m-%d %H:%M}"
        if order.paid_at
        else "",
        "goods": "; ".join(f"{line.sku_code} × {line.left_quantity} {line.name}" for line in left),
        "consignee": order.consignee_name,
        "phone": order.consignee_phone,
        "address": f"{order.consignee_region_name} {order.consignee_address}",
        "remark": order.remark,
    }
    return [facts.get(column, "") for column in COLUMNS]
