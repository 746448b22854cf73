"""A workbook in on standard input, the rows of its first sheet, or of all its sheets, out on
standard output as CSV.

Run by :mod:`openplatform.imports.readers` within the limits of
:mod:`openplatform.core.uploads.limited_process`, because a few kilobytes of workbook unpack to
gigabytes where they please. Ending in any way but 0 and ``TOO_LARGE``, it found the workbook
broken.
"""

from __future__ import annotations

import csv
import io
import re
import sys
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

import openpyxl
import openpyxl.worksheet._read_only as sheets_reading
from openpyxl.worksheet._reader import FORMULA_TAG, VALUE_TAG, WorkSheetParser

TOO_LARGE = 3  # exit status

MAX_ROWS = 1 << 20  # of any sheet
MAX_CELLS = 1 << 14  # of any row
MAX_ROW_TEXT = 1 << 20  # characters
MAX_EXACT_FLOAT = 10**15
# A character that no text has, for cells that were merged with the one above.
MERGED = "\ufdd1"
# The same for cells with a formula that no program has computed yet.
UNCOMPUTED = "\ufdd2"
MERGED_RANGE = re.compile(
    rb'<(?:\w+:)?mergeCell\s[^<>]*?ref="\$?([A-Z]{1,3})\$?([0-9]{1,7}):\$?[A-Z]{1,3}\$?([0-9]{1,7})"'
)
MAX_MERGED = 500_000  # ranges that are looked at
BLOCK = 1 << 20
LONGEST_TAG = 1 << 10


def main() -> int:
    """Rows as they come, in little memory.

    The first argument is how many bytes the archive may unpack to, and how many characters the rows
    may have together: cells that name one text again and again make much out of little. The second
    one is 1 when cells that were merged with the one above, and formulas without a value, are to be
    told. The third one is 1 for all sheets; a line without any cell ends each of them.
    """
    max_unpacked, shows_merged, all_sheets = int(sys.argv[1]), *(arg == "1" for arg in sys.argv[2:])
    source: Any = sys.stdin.buffer
    with zipfile.ZipFile(source) as archive:
        if sum(member.file_size for member in archive.infolist()) > max_unpacked:
            return TOO_LARGE
    source.seek(0)
    if shows_merged:
        vars(sheets_reading)["WorkSheetParser"] = _FormulaTellingParser
    sheets = openpyxl.load_workbook(source, read_only=True, data_only=True).worksheets
    written = rows = 0
    with io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        for sheet in sheets if all_sheets else [sheets[0]]:
            sheet.reset_dimensions()  # what the file says of its size may be wrong
            merged = _Merged(_list_merged(source, sheet) if shows_merged else [])
            for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
                cells = merged.fill(number, [as_text(value) for value in values])
                text = sum(map(len, cells))
                written += text + len(cells)
                rows += 1
                # A row may name any number for itself, and those before it count as blank.
                is_long = rows > MAX_ROWS or len(cells) > MAX_CELLS or text > MAX_ROW_TEXT
                if is_long or written > max_unpacked:
                    return TOO_LARGE
                writer.writerow(cells or [""] if all_sheets else cells)
            if all_sheets:
                writer.writerow([])
    return 0


class _FormulaTellingParser(WorkSheetParser):
    """Gives :data:`UNCOMPUTED` for a formula whose value was never stored."""

    def parse_cell(self, element: Any) -> Any:
        cell = super().parse_cell(element)
        if cell["value"] is None and element.find(FORMULA_TAG) is not None:
            is_empty_text = element.get("t") == "str" and element.find(VALUE_TAG) is not None
            if not is_empty_text:
                cell["value"] = UNCOMPUTED
        return cell


class _Merged:
    """What stands in cells that were merged with the one above.

    :param ranges: column (the first is 0), first and last row of each range.
    """

    def __init__(self, ranges: Sequence[tuple[int, int, int]]) -> None:
        self._coming = sorted(ranges, key=lambda each: each[1], reverse=True)
        self._open: dict[int, tuple[int, str]] = {}  # by column: until which row, and the text

    def fill(self, number: int, cells: list[str]) -> list[str]:
        """The cells of the next row, with what hangs down into it."""
        for column, (last, text) in list(self._open.items()):
            if number > last:
                del self._open[column]
            else:
                cells.extend([""] * (column + 1 - len(cells)))
                cells[column] = MERGED + text
        while self._coming and self._coming[-1][1] <= number:
            column, first, last = self._coming.pop()
            if first == number and column < len(cells):
                self._open[column] = last, cells[column]
        return cells


def _list_merged(source: Any, sheet: Any) -> list[tuple[int, int, int]]:
    """Ranges over several rows. They stand behind the cells, so the sheet is read once for them."""
    found: list[tuple[int, int, int]] = []
    source.seek(0)
    with zipfile.ZipFile(source) as archive, archive.open(sheet._worksheet_path) as xml:
        rest = b""
        while block := xml.read(BLOCK):
            text = rest + block
            end = 0
            for match in MERGED_RANGE.finditer(text):
                end = match.end()
                first, last = int(match[2]), int(match[3])
                if first < last <= MAX_ROWS and len(found) < MAX_MERGED:
                    found.append((_column_of(match[1]), first, last))
            rest = text[max(end, len(text) - LONGEST_TAG) :]
    return [each for each in found if each[0] < MAX_CELLS]


def _column_of(letters: bytes) -> int:
    """Of ``A`` 0, of ``AA`` 26."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1


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
