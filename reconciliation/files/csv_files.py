"""Statements as CSV, for programs and spreadsheets: UTF-8 with a byte order mark.

First the head, a name and a value in each line, in the language of the file; then an empty line,
the names of the columns as the contract has them, and the rows, both the same in every language.
"""

from __future__ import annotations

import csv
import shutil
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from openplatform.core import money
from openplatform.core.clock import PLATFORM_ZONE, to_text
from openplatform.imports.tables import csv_of, neutralised
from reconciliation.files.rows import COLUMNS, Head, Row


class CsvRows:
    """The rows of a statement, kept in a file until the heads of all languages stand above them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(COLUMNS)
        self._at: datetime | None = None
        self._at_text = ""

    def add(self, row: Row) -> None:
        """One more row."""
        if row.at is not self._at:  # the parts of an entry share its time
            self._at = row.at
            self._at_text = row.at.astimezone(PLATFORM_ZONE).isoformat()
        rate = row.tax_rate
        self._writer.writerow(
            (
                row.entry_no,
                self._at_text,
                row.kind,
                neutralised(row.merchant_order_no),
                row.order_no,
                row.suborder_no,
                row.line_no,
                neutralised(row.sku),
                neutralised(row.name),
                row.quantity,
                row.unit_price,
                None if rate is None else money.rate_to_text(rate),
                row.amount,  # a number, whatever its sign
                row.balance_after,
                row.aftersale_no,
                neutralised(row.note),
            )
        )

    def close(self) -> None:
        """There are no more rows."""
        self._file.close()

    def write(self, path: Path, head: Head) -> None:
        """The whole file, its head in the language that is active."""
        lines = [(neutralised(str(name)), _plain(value)) for name, value in head.lines()]
        with path.open("wb") as file, self._path.open("rb") as rows:
            file.write(csv_of([*lines, ()]))
            shutil.copyfileobj(rows, file)


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return to_text(value)
        case date():
            return value.isoformat()
        case int() | Decimal():
            return value
        case _:
            return neutralised(value)
