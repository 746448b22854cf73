"""Rows of text out of CSV and XLSX files, one after the other."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

from django.utils.translation import gettext as _

from openplatform.core.uploads.limited_process import STARTER
from openplatform.imports.errors import ImportRefused, RowFault

BLOCK = 1 << 20
ZIP_MAGIC = b"PK\x03\x04"
WORKBOOK_READER = Path(__file__).with_name("workbook_reading.py")
MEMORY = 1 << 30  # bytes of addresses for reading a workbook, its shared texts among them
TOO_LARGE = 3  # its exit status
MERGED = "\ufdd1"  # before the text of a cell that another, merged one stands for; see there
UNCOMPUTED = "\ufdd2"  # a cell with a formula, and no value; see there
UTF_8 = "utf-8"
OVER_BOUNDS = (TOO_LARGE, -signal.SIGXCPU, -signal.SIGKILL)

Cells = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a workbook may take. The defaults are for a worker: nobody waits for its rows.

    :param unpacked: bytes of the archive's content, and characters of the rows that it makes.
    :param seconds: of computing; 50,000 rows of 20 columns take about 20.
    :param within: seconds by the clock, however slowly its rows are taken; None for no such bound.
    """

    unpacked: int = 1 << 30
    seconds: int = 300
    within: float | None = None


FOR_A_WORKER = Bounds()


def digest_of(file: Path) -> str:
    """SHA-256 of the content, in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class TextForm:
    """How a CSV file is written.

    :param encoding: a codec of Python's; of UTF-8 the byte order mark may be there or not.
    :param is_last_guess: no other encoding that is known fits the content either.
    """

    encoding: str = UTF_8
    delimiter: str = ","
    is_last_guess: bool = False


IMPORTED_TEXT = TextForm()


def read_rows(
    file: Path,
    *,
    bounds: Bounds = FOR_A_WORKER,
    form: TextForm = IMPORTED_TEXT,
    shows_merged: bool = False,
    all_sheets: bool = False,
) -> Generator[Cells, None, None]:
    """Row numbers (the first is 1) and their cells, blanks around them taken off.

    The content tells the format, not the name: XLSX, or else CSV, in UTF-8 with or without BOM
    unless the caller knows of another form. Of a workbook the first sheet counts.

    :param shows_merged: a workbook's cell that was merged with the one above it comes as
        :data:`MERGED` and the text of the first of them, where it is blank else; one with a
        formula that was never computed as :data:`UNCOMPUTED`.
    :param all_sheets: of a workbook, the sheets come one after the other, the rows of each numbered
        from 1. The bounds are those of all that were read.
    :raises ImportRefused: when the file is neither, or a workbook over its bounds, from wherever
        that shows.
    """
    if is_workbook(file):
        rows = _read_xlsx(file, bounds, shows_merged=shows_merged, all_sheets=all_sheets)
    else:
        rows = _read_csv(file, form)
    with closing(rows):
        for number, cells in rows:
            yield number, [cell.strip() for cell in cells]


def is_workbook(file: Path) -> bool:
    """Whether the content begins as an XLSX does."""
    with file.open("rb") as stream:
        return stream.read(len(ZIP_MAGIC)) == ZIP_MAGIC


def refused(row: int, text: str) -> ImportRefused:
    """The refusal of a file that cannot be read any further."""
    return ImportRefused([RowFault(row, "", ImportRefused.code, text)])


def _read_csv(file: Path, form: TextForm) -> Generator[Cells, None, None]:
    _require_encoding(file, form)
    encoding = "utf-8-sig" if form.encoding == UTF_8 else form.encoding
    number = 0
    with file.open(encoding=encoding, newline="") as stream:
        reader = csv.reader(stream, strict=True, delimiter=form.delimiter)
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


def _require_encoding(file: Path, form: TextForm) -> None:
    """Read the file through once, so that the line of the fault can be told."""
    decoder = codecs.getincrementaldecoder(form.encoding)()
    line = 1
    with file.open("rb") as stream:
        while block := stream.read(BLOCK):
            try:
                line += decoder.decode(block).count("\n")
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                raise refused(line, _not_encoded(form)) from error
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise refused(line, _not_encoded(form)) from error


def _not_encoded(form: TextForm) -> str:
    if form.is_last_guess:
        return _("The file is text neither in UTF-8 nor in GB 18030; save it as “CSV UTF-8”")
    if form.encoding == UTF_8:
        return _("The file is not UTF-8 text (GBK, perhaps?); save it as “CSV UTF-8” or as XLSX")
    return _("The file is not text in %(encoding)s; save it as “CSV UTF-8” or as XLSX") % {
        "encoding": form.encoding.upper()
    }


def _read_xlsx(
    file: Path, bounds: Bounds, *, shows_merged: bool, all_sheets: bool
) -> Generator[Cells, None, None]:
    """The workbook is opened by a process of its own, which hands its rows on as they come.

    Opening it here would let a small file take all of our memory, or our time.
    """
    limits = (MEMORY, bounds.seconds)
    command = (
        sys.executable, "-I", STARTER, *limits, WORKBOOK_READER, bounds.unpacked, int(shows_merged),
        int(all_sheets),
    )  # fmt: skip
    number = 0
    with (
        file.open("rb") as stream,
        subprocess.Popen(  # noqa: S603 - our own program; the workbook goes in by the file
            [str(part) for part in command],
            stdin=stream,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},  # no secret is there to be read
        ) as process,
        _ended_in_time(process, bounds.within),
    ):
        assert process.stdout  # noqa: S101 - it is a pipe
        try:
            with io.TextIOWrapper(process.stdout, encoding="utf-8", newline="") as text:
                for cells in csv.reader(text):
                    number += 1
                    if all_sheets and not cells:  # what ends a sheet; rows have a cell at least
                        number = 0
                    else:
                        yield number, cells
            status = process.wait()
        except (csv.Error, UnicodeDecodeError) as error:
            raise refused(number + 1, _("The workbook cannot be read")) from error
        finally:
            process.kill()
    if status in OVER_BOUNDS:
        raise refused(number + 1, _("The workbook is too large"))
    if status:
        # It broke off somewhere, so the last row may be half of one.
        raise refused(max(number, 1), _("The workbook cannot be read"))


@contextmanager
def _ended_in_time(process: subprocess.Popen[bytes], within: float | None) -> Iterator[None]:
    if within is None:
        yield
        return
    deadline = Timer(within, process.kill)
    deadline.start()
    try:
        yield
    finally:
        deadline.cancel()
