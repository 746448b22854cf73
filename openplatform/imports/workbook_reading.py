"""A workbook in on standard input, the rows of its first sheet out on standard output as CSV.

Run by :mod:`openplatform.imports.readers` within the limits of
:mod:`openplatform.core.uploads.limited_process`, because a few kilobytes of workbook unpack to
gigabytes where they please. Ending in any way but 0 and ``TOO_LARGE``, it found the workbook
broken.
"""

from __future__ import annotations

import csv
import io
import sys
import zipfile
from datetime import date, datetime, time
from typing import Any

import openpyxl

TOO_LARGE = 3  # exit status

MAX_ROWS = 1 << 20  # of any sheet
MAX_CELLS = 1 << 14  # of any row
MAX_ROW_TEXT = 1 << 20  # characters
MAX_EXACT_FLOAT = 10**15


def main() -> int:
    """Rows as they come, in little memory.

    The argument is how many bytes the archive may unpack to, and how many characters the rows may
    have together: cells that name one text again and again make much out of little.
    """
    max_unpacked = int(sys.argv[1])
    written = 0
    source: Any = sys.stdin.buffer
    with zipfile.ZipFile(source) as archive:
        if sum(member.file_size for member in archive.infolist()) > max_unpacked:
            return TOO_LARGE
    source.seek(0)
    sheet = openpyxl.load_workbook(source, read_only=True, data_only=True).worksheets[0]
    sheet.reset_dimensions()  # what the file says of its size may be wrong
    with io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
            cells = [as_text(value) for value in values]
            text = sum(map(len, cells))
            written += text + len(cells)
            # A row may name any number for itself, and those before it count as blank.
            is_long = number > MAX_ROWS or len(cells) > MAX_CELLS or text > MAX_ROW_TEXT
            if is_long or written > max_unpacked:
                return TOO_LARGE
            writer.writerow(cells)
    return 0


def as_text(value: Any) -> str:
    """A cell as a person would have typed it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < MAX_EXACT_FLOAT:
            return str(int(value))
        return f"{value:.15g}"  # what a spreadsheet shows: 59.97, not 59.970000000000006
    if isinstance(value, datetime):
        if value.time() == time():  # a day: workbooks know no dates without a time
            return value.date().isoformat()
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


if __name__ == "__main__":
    sys.exit(main())
