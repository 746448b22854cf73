"""Workbooks that mean harm, or are none: a fault each, in little memory and time."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from django.utils import translation

from openplatform.imports import readers
from openplatform.imports.errors import ImportRefused
from openplatform.imports.readers import Bounds, read_rows

SHEET = "xl/worksheets/sheet1.xml"
LITTLE_MEMORY = 256 << 20  # so that the tests take little time, too
SPEEDY_SECONDS = 30


def workbook(rows: int = 2) -> bytes:
    """A good one."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for number in range(rows):
        sheet.append(["code", f"name {number}"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def with_sheet(sheet: bytes) -> bytes:
    """A workbook with another sheet in it."""
    return _changed(lambda name, content: sheet if name == SHEET else content)


def with_cells(xml: str) -> bytes:
    """A workbook with these rows, as they stand in its XML."""
    return with_sheet(
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        + xml.encode()
        + b"</sheetData></worksheet>"
    )


def _changed(change: Callable[[str, bytes], bytes]) -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook())) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return out.getvalue()


def bomb() -> bytes:
    """A few bytes that unpack to more than one gigabyte, as the archive itself says."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(SHEET, bytes(1000))
        archive.filelist[0].file_size = (1 << 30) + 1
    return out.getvalue()


def many_cells() -> bytes:
    """A few kilobytes with a row of millions of cells, which a reader holds all at once."""
    return with_cells("<row>" + "<c/>" * 3_000_000 + "</row>")


def flipped() -> bytes:
    """A good one with a damaged middle."""
    content = bytearray(workbook(500))
    middle = len(content) // 2
    content[middle : middle + 40] = bytes(40)
    return bytes(content)


def plain_archive() -> bytes:
    """An archive, but no workbook."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "a")
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        bomb,
        many_cells,
        flipped,
        plain_archive,
        lambda: workbook()[:-40],
        lambda: with_cells('<row r="99999999999"><c t="inlineStr"><is><t>a</t></is></c></row>'),
        lambda: with_cells('<row r="x"/>'),
        lambda: with_cells('<row><c r="ZZZZZZ1"><v>1</v></c></row>'),
        lambda: with_cells(f'<row><c t="str"><v>{"a" * 2_000_000}</v></c></row>'),
        lambda: with_cells('<row><c t="s"><v>99</v></c></row>'),
        lambda: with_sheet(b"<worksheet><sheetData>"),
        lambda: with_sheet(b""),
    ],
    ids=[
        "bomb", "millions of cells", "damaged", "no workbook", "cut off", "row number", "no number",
        "column", "long text", "missing text", "broken xml", "empty sheet",
    ],
)  # fmt: skip
def test_refused_in_time_when_the_workbook_is_hostile(
    content: Callable[[], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "MEMORY", LITTLE_MEMORY)
    file = tmp_path / "a.xlsx"
    file.write_bytes(content())
    started = time.monotonic()

    with pytest.raises(ImportRefused) as refused:
        for _row in read_rows(file):
            pass

    [fault] = refused.value.row_faults
    assert (fault.column, fault.code) == ("", "file_invalid")
    assert time.monotonic() - started < SPEEDY_SECONDS


def packed_blanks() -> bytes:
    """Some kilobytes that unpack to five megabytes."""
    return with_cells("<row/>" + " " * 5_000_000)


def one_text_in_many_cells() -> bytes:
    """Cells that name one text again and again: 20 megabytes of rows out of little."""
    out = io.BytesIO()
    book = openpyxl.Workbook()
    for _number in range(200):
        book.worksheets[0].append(["x" * 30_000] * 4)
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "bounds"),
    [
        (packed_blanks, Bounds(unpacked=4_000_000)),
        (one_text_in_many_cells, Bounds(unpacked=4_000_000)),
        (lambda: workbook(100_000), Bounds(seconds=1)),
        (lambda: workbook(100_000), Bounds(within=0.5)),
    ],
    ids=["unpacked", "rows", "computing", "clock"],
)
def test_refused_when_it_goes_over_the_bounds_that_the_caller_sets(
    content: Callable[[], bytes], bounds: Bounds, tmp_path: Path
) -> None:
    file = tmp_path / "a.xlsx"
    file.write_bytes(content())

    with translation.override("en"), pytest.raises(ImportRefused) as refused:
        for _row in read_rows(file, bounds=bounds):
            pass

    assert [fault.text for fault in refused.value.row_faults] == ["The workbook is too large"]


@pytest.mark.parametrize(
    ("content", "rows"), [(packed_blanks, 1), (one_text_in_many_cells, 200)], ids=["blanks", "text"]
)
def test_the_same_is_read_when_the_caller_sets_none(
    content: Callable[[], bytes], rows: int, tmp_path: Path
) -> None:
    file = tmp_path / "a.xlsx"
    file.write_bytes(content())

    assert sum(1 for _row in read_rows(file)) == rows


def test_good_workbook_is_read_in_the_memory_that_hostile_ones_exceed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "MEMORY", LITTLE_MEMORY)
    file = tmp_path / "a.xlsx"
    file.write_bytes(workbook(20_000))

    assert sum(1 for _row in read_rows(file)) == 20_000


def test_reader_ends_when_nobody_reads_on(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    file.write_bytes(workbook(20_000))

    rows = read_rows(file)
    first = next(rows)
    rows.close()

    assert first == (1, ["code", "name 0"])


def test_texts_come_as_they_are_when_they_hold_what_csv_is_made_of(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    texts = ['say "a, b"', "two\nlines", "汉字 😀", "=1+1", ""]
    sheet.append([None])
    sheet.append([*texts, 1])
    sheet["D2"].data_type = "s"
    book.save(tmp_path / "a.xlsx")

    [_blank, (number, cells)] = read_rows(tmp_path / "a.xlsx")

    assert (number, cells) == (2, [*texts, "1"])
