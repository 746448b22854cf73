"""Rows of text out of CSV and XLSX files, one after the other."""

from __future__ import annotations

import codecs
import csv
import hashlib
import zipfile
from collections.abc import Generator, Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from django.utils.translation import gettext as _
from openpyxl.utils.exceptions import InvalidFileException

from openplatform.imports.errors import ImportRefused, RowFault

BLOCK = 1 << 20
ZIP_MAGIC = b"PK\x03\x04"
MAX_UNPACKED = 1 << 30  # bytes; a small archive must not unpack to a full disk or memory
MAX_EXACT_FLOAT = 10**15

Cells = tuple[int, list[str]]


def digest_of(file: Path) -> str:
    """SHA-256 of the content, in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_rows(file: Path) -> Generator[Cells, None, None]:
    """Row numbers (the first is 1) and their cells, blanks around them taken off.

    The content tells the format, not the name: XLSX, or else CSV in UTF-8 with or without BOM.
    Of a workbook the first sheet counts.

    :raises ImportRefused: when the file is neither, from wherever that shows.
    """
    with file.open("rb") as stream:
        is_workbook = stream.read(len(ZIP_MAGIC)) == ZIP_MAGIC
    rows = _read_xlsx(file) if is_workbook else _read_csv(file)
    for number, cells in rows:
        yield number, [cell.strip() for cell in cells]


def refused(row: int, text: str) -> ImportRefused:
    """The refusal of a file that cannot be read any further."""
    return ImportRefused([RowFault(row, "", ImportRefused.code, text)])


def _read_csv(file: Path) -> Iterator[Cells]:
    _require_utf8(file)
    number = 0
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        while True:
            number += 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                text = _("The row is not valid CSV: %(reason)s") % {"reason": error}
                raise refused(number, text) from error
            yield number, cells


def _require_utf8(file: Path) -> None:
    """Read the file through once, so that the line of the fault can be told."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    with file.open("rb") as stream:
        while block := stream.read(BLOCK):
            try:
                line += decoder.decode(block).count("\n")
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                raise refused(line, _not_utf8()) from error
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise refused(line, _not_utf8()) from error


def _not_utf8() -> str:
    return _("The file is not UTF-8 text (GBK, perhaps?); save it as “CSV UTF-8” or as XLSX")


def _read_xlsx(file: Path) -> Iterator[Cells]:
    number = 0
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_UNPACKED:
                raise refused(1, _("The workbook is too large"))
        # From an open stream, since openpyxl judges a path by the ending of its name.
        with file.open("rb") as stream:
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # what the file says of its size may be wrong
            for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
                yield number, [_as_text(value) for value in values]
    except (
        zipfile.BadZipFile, InvalidFileException, ParseError, EOFError, IndexError, KeyError,
        TypeError, ValueError,
    ) as error:  # fmt: skip
        # What openpyxl raises on broken workbooks, as far as it has been seen.
        raise refused(number + 1, _("The workbook cannot be read")) from error


def _as_text(value: Any) -> str:
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
