"""CSV files that the page of imports gives away: templates, and faults to work through."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from openplatform.imports.resources import Resource

# What a spreadsheet takes for the beginning of a formula, also behind blanks and full-width.
FORMULA_STARTS = frozenset("=+-@\t\r\n＝＋－＠")
FAULT_COLUMNS = ("row", "column", "code", "text")


def template_of(resource: Resource) -> bytes:
    """An empty file of a resource: its head, as a spreadsheet opens it."""
    return _csv_of([[column.name for column in resource.page_columns]])


def csv_of_faults(faults: Sequence[Mapping[str, Any]]) -> bytes:
    """Faults or warnings, as they are kept. No cell is a formula, whatever the file said."""
    rows = [[fault[name] for name in FAULT_COLUMNS] for fault in faults]
    return _csv_of([list(FAULT_COLUMNS), *rows])


def neutralised(value: Any) -> Any:
    """A cell that no spreadsheet computes: what looks like a formula gets an apostrophe."""
    if isinstance(value, str) and value.lstrip(" ")[:1] in FORMULA_STARTS and value.strip():
        return f"'{value}"
    return value


def _csv_of(rows: Sequence[Sequence[Any]]) -> bytes:
    """In UTF-8 with a byte order mark, without which Excel reads another encoding."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([neutralised(cell) for cell in row] for row in rows)
    return codecs.BOM_UTF8 + out.getvalue().encode()
