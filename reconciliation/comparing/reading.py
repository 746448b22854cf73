"""The rows of a merchant's file as values, or everything that is wrong with it."""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from openplatform.core import errors
from openplatform.imports.errors import IN_NO_TEXT, CellInvalid, Faults, printable
from openplatform.imports.readers import (
    MERGED,
    UNCOMPUTED,
    UTF_8,
    Cells,
    TextForm,
    is_workbook,
    read_rows,
    refused,
)
from reconciliation.comparing import cells as parsing
from reconciliation.comparing.heads import FIELDS, MAX_HEAD, Head, HeadUnclear, find_head
from reconciliation.comparing.own_files import list_own_kinds

MAX_ROWS = 200_000
HEAD_WITHIN = 50  # rows: titles, and the head block of our own statements, stand above it
LOOKED_AT = 1 << 16  # bytes, for how a text is written
# Those of little-endian UTF-32 begin as the mark of UTF-16 does.
UTF_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
UTF_16 = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
GB18030 = "gb18030"
NEVER_WRITTEN = frozenset({"Co", "Cn"})  # what other encodings turn into, read as GB 18030
DELIMITERS = (",", "\t", ";", "|")
NEEDS_NUMBER = frozenset({"order_payment", "refund"})
MAX_TOLD_FAULTS = 100_000  # then reading breaks off; the first thousand are shown

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TheirRow:
    """A movement of the balance by the merchant's books."""

    row: int
    kind: str
    merchant_order_no: str
    amount: Decimal
    at: str  # as it stands in the file
    day: date | None
    status: str  # as it stands in the file
    state: str  # as we call it
    merchant_aftersale_no: str


class MerchantFile:
    """A file that is read once, row by row. ``head`` is there once the first row came, or all of
    them went by. Of a workbook it is the first sheet in whose first rows the columns are found.
    """

    def __init__(
        self,
        path: Path,
        *,
        given: Mapping[str, str] | None = None,
        remembered: Mapping[tuple[str, ...], Mapping[str, str]] | None = None,
    ) -> None:
        self._path = path
        self._given = given
        self._remembered = remembered or {}
        self.head: Head | None = None

    def rows(self) -> Generator[TheirRow, None, None]:
        """The movements in the order of the file, without blank rows and rows that add up others.

        :raises ImportRefused: with every fault, once the file was read through; at once when it
            cannot be read further, has no head that is understood, or over 200,000 rows.
        """
        faults = Faults()
        form = find_form(self._path)
        count = 0
        with closing(read_rows(self._path, form=form, shows_merged=True, all_sheets=True)) as lines:
            head = self.head = self._find_head(lines, faults)
            own_kinds = list_own_kinds(head.cells)
            for number, line in lines:
                if number <= head.row:  # the next sheet
                    break
                row = _read_row(number, line, head, own_kinds, faults)
                if faults.count > MAX_TOLD_FAULTS:
                    break
                if row is None:
                    continue
                count += 1
                if count > MAX_ROWS:
                    text = _("A file has at most %(count)d rows") % {"count": MAX_ROWS}
                    raise refused(number, text)
                yield row
        faults.refuse()

    def _find_head(self, lines: Iterator[Cells], faults: Faults) -> Head:
        has_sheets = is_workbook(self._path)
        for number, line in lines:
            if number > HEAD_WITHIN:
                if has_sheets:
                    continue
                break
            cells = [_shown(cell) for cell in line]
            try:
                head = find_head(number, cells, given=self._given, remembered=self._remembered)
            except HeadUnclear as unclear:
                _require_text(number, cells, faults)
                faults.add(number, unclear.column[:MAX_HEAD], unclear.text, errors.FieldInvalid)
                faults.refuse()
            else:
                if head is not None:
                    _require_text(number, cells, faults)
                    return head
        if self._given is None:
            text = _(
                "No row names the columns for merchant_order_no, kind and amount; say in “columns”"
                " what they are called"
            )
        else:
            named = ", ".join(self._given.values())
            text = _("No row has all of these names: %(names)s") % {"names": named}
        faults.add(1, "", text, errors.FieldRequired)
        faults.refuse()
        raise AssertionError("unreachable")


def _require_text(number: int, cells: Sequence[str], faults: Faults) -> None:
    """Of a head, which is kept and shown as it stands.

    :raises ImportRefused: for characters that no text has.
    """
    for cell in cells:
        if IN_NO_TEXT.search(cell):
            text = _("The file has characters that no text has; save it as “CSV UTF-8” or as XLSX")
            faults.add(number, printable(cell)[:MAX_HEAD], text, errors.StringInvalid)
    faults.refuse()


def read_beginning(path: Path, *, count: int) -> list[Cells]:
    """The first rows as they stand, for a page that asks which column is what.

    :raises ImportRefused: when the file cannot be read.
    """
    with closing(read_rows(path, form=find_form(path), shows_merged=True)) as lines:
        return [
            (number, [printable(_shown(cell)) for cell in line])
            for number, line in islice(lines, count)
        ]


def find_form(path: Path) -> TextForm:
    """Encoding and delimiter of a text: UTF-8, UTF-16, or GB 18030 where it is nothing but that.

    Of a workbook, the form that is not asked for.

    :raises ImportRefused: for a text in none of them.
    """
    if is_workbook(path):
        return TextForm()
    with path.open("rb") as stream:
        beginning = stream.read(LOOKED_AT)
    encoding, is_last_guess = _encoding_of(path, beginning)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        text = decoder.decode(beginning).lstrip("\ufeff")
    except UnicodeDecodeError:  # the reader tells in which row
        text = ""
    return TextForm(encoding, _delimiter_of(text), is_last_guess)


def _encoding_of(path: Path, beginning: bytes) -> tuple[str, bool]:
    """The encoding, and whether it is but the last guess: no other one fits, nor does this."""
    if beginning.startswith(UTF_32):
        raise refused(1, _("The file is text in UTF-32; save it as “CSV UTF-8” or as XLSX"))
    if beginning.startswith(tuple(UTF_16.values())):
        return "utf-16", False
    if beginning.startswith(codecs.BOM_UTF8):
        return UTF_8, False
    if b"\0" in beginning:
        # Digits and Latin letters have a zero behind them, or in front: never both in UTF-16.
        if b"\0" not in beginning[::2]:
            return "utf-16-le", False
        if b"\0" not in beginning[1::2]:
            return "utf-16-be", False
        raise refused(1, _("The file is neither text nor a workbook; save it as “CSV UTF-8”"))
    if _decodes(path, UTF_8):
        return UTF_8, False
    if _decodes(path, GB18030):
        return GB18030, False
    return UTF_8, True  # the reader tells where it is not


def _decodes(path: Path, encoding: str) -> bool:
    """Whether all of a file is text in this encoding, and such as people write."""
    seen: set[str] = set()
    try:
        with path.open(encoding=encoding, newline="") as stream:
            while block := stream.read(1 << 20):
                seen.update(block)
    except UnicodeDecodeError:
        return False
    if encoding == UTF_8:
        return True
    return not any(unicodedata.category(character) in NEVER_WRITTEN for character in seen)


def _delimiter_of(text: str) -> str:
    """Which makes the widest of the first rows; a comma where none makes any."""

    def width(delimiter: str) -> int:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        try:
            return max((len(row) for row in islice(rows, HEAD_WITHIN)), default=0)
        except csv.Error:
            return 0

    return max(DELIMITERS, key=width)


def _read_row(
    number: int,
    line: Sequence[str],
    head: Head,
    own_kinds: Mapping[str, str],
    faults: Faults,
) -> TheirRow | None:
    """None for a row that is no movement, and for one with faults.

    :param own_kinds: what kinds are called in a file that we made ourselves.
    """
    if _is_blank(line, head) or _adds_up_others(line, head):
        return None
    before = faults.count
    given = {field: _cell(line, head.places.get(field)) for field in FIELDS}
    cells = {field: _unmerged(cell) for field, cell in given.items()}

    def read(field: str, parse: Callable[[str], T], *, required: bool = False) -> T | Any:
        cell = cells[field]
        column = head.columns.get(field, field)
        try:
            if cell == UNCOMPUTED:
                raise CellInvalid(
                    _(
                        "The cell has a formula without a stored value; open the file in a"
                        " spreadsheet program and save it"
                    )
                )
            if not cell:
                if required:
                    raise CellInvalid(error=errors.FieldRequired)
                return parse("")
            return parse(cell)
        except CellInvalid as invalid:
            faults.add(number, column, invalid.text, invalid.error)
            return None

    kind = read("kind", lambda text: parsing.parse_kind(own_kinds.get(text, text)), required=True)
    if kind in parsing.DETAILS:
        return None
    if given["amount"].startswith(MERGED):
        text = _("The amount is merged over several rows; write into each row what is its own")
        faults.add(number, head.columns["amount"], text)
        return None
    row = TheirRow(
        row=number,
        kind=kind,
        merchant_order_no=read(
            "merchant_order_no", parsing.parse_number, required=kind in NEEDS_NUMBER
        ),
        amount=read("amount", parsing.parse_amount, required=True),
        at=read("at", lambda text: parsing.parse_shown(text, parsing.MAX_AT)),
        day=read("at", lambda text: parsing.parse_day(text) if text else None),
        status=read("status", lambda text: parsing.parse_shown(text, parsing.MAX_STATE)),
        state=read("status", parsing.parse_state),
        merchant_aftersale_no=read("merchant_aftersale_no", parsing.parse_number),
    )
    return row if faults.count == before else None


def _adds_up_others(line: Sequence[str], head: Head) -> bool:
    """Whether the row is a total: it says so in its first words, and names no kind."""
    first = next((cell for cell in map(_shown, line) if cell), "")
    kind = _shown(_cell(line, head.places["kind"]))
    return parsing.is_total(first) and (not kind or parsing.is_total(kind))


def _is_blank(line: Sequence[str], head: Head) -> bool:
    """Formulas that were never computed count where a column of ours is."""
    return not any(_shown(cell) for cell in line) and not any(
        _cell(line, place) for place in head.places.values()
    )


def _cell(line: Sequence[str], place: int | None) -> str:
    return line[place] if place is not None and place < len(line) else ""


def _unmerged(cell: str) -> str:
    return cell.removeprefix(MERGED)


def _shown(cell: str) -> str:
    return "" if cell == UNCOMPUTED else _unmerged(cell)
