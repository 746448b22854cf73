"""Statements as PDF, for people: what the wallet stood at, what moved it, and every row of it.

Chinese is set in STSong-Light, a font that viewers have themselves, so a file is small and made in
no time.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from django.utils.translation import gettext as _
from reportlab import rl_config
from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.pdfgen.canvas import Canvas

from openplatform.core.clock import PLATFORM_ZONE
from reconciliation.files.rows import CAPTIONS, KINDS, Head, Row

MAX_ROWS = 10_000
WIDTH, HEIGHT = landscape(A4)
MARGIN = 30.0
FOOT = 44.0
LATIN, LATIN_BOLD, CHINESE = "Helvetica", "Helvetica-Bold", "STSong-Light"
SIZE, SMALL, TITLE = 7.0, 6.5, 15.0
LEADING = 9.0
GAP = 4.0
CLOSING = "，。、；：！？）》」』】”’…,.;:!?)]"
MISSING = "〓"  # stands for a character that the fonts have not
BLACK, GREY, RULE, SHADE = 0.0, 0.38, 0.72, 0.93
Runs = Sequence[tuple[str, str]]
type_of_value = str | int | date | datetime | Decimal


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: what stands above it, how wide it is, to which side it goes."""

    name: str
    width: float
    is_number: bool = False


COLUMNS = (
    Column("entry_no", 52),
    Column("at", 74),
    Column("kind", 62),
    Column("order_no", 142),
    Column("name", 190),
    Column("quantity", 38, is_number=True),
    Column("unit_price", 52, is_number=True),
    Column("tax_rate", 36, is_number=True),
    Column("amount", 66, is_number=True),
    Column("balance_after", 70, is_number=True),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A row as it is drawn: the lines of each of its cells; a part of an entry is set apart."""

    cells: Sequence[Sequence[str]]
    is_part: bool
    is_strong: bool = False

    @property
    def height(self) -> float:
        """In points."""
        return LEADING * max(len(cell) for cell in self.cells) + GAP / 2


def write_pdf(path: Path, head: Head, rows: Sequence[Row] | None, row_count: int) -> None:
    """The file, in the language that is active.

    :param rows: None when there are more than :data:`MAX_ROWS`: then there is a note in their
        place.
    """
    _register_fonts()
    _Document(path, head, rows, row_count).draw()


class _Document:
    def __init__(self, path: Path, head: Head, rows: Sequence[Row] | None, row_count: int) -> None:
        self._head = head
        self._rows = rows
        self._row_count = row_count
        self._canvas = Canvas(str(path), pagesize=(WIDTH, HEIGHT), pageCompression=1)
        self._canvas.setTitle(f"{_('Statement')} {head.statement_no}")
        self._canvas.setCreator("")
        self._page_text = self._canvas.beginText()
        self._pages = 1
        self._page = 1

    def draw(self) -> None:
        """Title and totals, then the rows on as many pages as they take."""
        top = self._draw_title()
        top = self._draw_totals(top)
        if self._rows is None:
            self._draw_note(top)
            self._end_page()
        else:
            first, *others = _pages_of(self._lines(self._rows), top)
            self._pages += len(others)
            self._draw_table(first, top)
            self._end_page()
            for lines in others:
                self._draw_table(lines, HEIGHT - MARGIN)
                self._end_page()
        self._canvas.save()

    def _draw_title(self) -> float:
        head = self._head
        top = HEIGHT - MARGIN - TITLE
        self._text(MARGIN, top, _("Statement"), TITLE, is_bold=True)
        self._text(
            WIDTH - MARGIN, top, f"{head.period_start} – {head.period_end}", TITLE, to_right=True
        )
        top -= LEADING * 1.8
        self._text(MARGIN, top, f"{head.partner_name} ({head.partner_code})", SIZE + 3)
        self._text(WIDTH - MARGIN, top, head.statement_no, SIZE + 3, to_right=True)
        return top - LEADING

    def _draw_totals(self, top: float) -> float:
        """Three columns of names and values, as few lines as they take."""
        shown = {self._head.statement_no, self._head.partner_code, self._head.partner_name}
        lines = [
            (str(name), _shown(value))
            for name, value in self._head.lines()
            if not (isinstance(value, str) and value in shown)
            and not (isinstance(value, date) and not isinstance(value, datetime))
        ]
        in_column = -(-len(lines) // 3)
        width = (WIDTH - 2 * MARGIN) / 3
        height = in_column * (LEADING + 3) + 6
        self._canvas.setFillGray(SHADE)
        self._canvas.rect(MARGIN, top - height, WIDTH - 2 * MARGIN, height, stroke=0, fill=1)
        for number, (name, value) in enumerate(lines):
            column, row = divmod(number, in_column)
            left = MARGIN + column * width + 8
            level = top - (row + 1) * (LEADING + 3)
            self._text(left, level, name, SIZE + 1.5, gray=GREY)
            self._text(left + width - 16, level, value, SIZE + 1.5, to_right=True)
        return top - height - LEADING

    def _draw_note(self, top: float) -> None:
        text = _(
            "%(rows)s rows are too many to be read on paper: the CSV and the XLSX of this "
            "statement have them all."
        ) % {"rows": f"{self._row_count:,}"}
        self._text(MARGIN, top - LEADING, text, SIZE + 2)

    def _lines(self, rows: Sequence[Row]) -> Iterator[Line]:
        head = self._head
        yield _standing(_("Opening balance"), head.opening.balance)
        for row in rows:
            yield _line_of(row)
        yield _standing(_("Closing balance"), head.closing.balance)

    def _draw_table(self, lines: Sequence[Line], top: float) -> None:
        canvas = self._canvas
        level = top - LEADING
        left = MARGIN
        for column in COLUMNS:
            side = left + column.width - GAP if column.is_number else left
            self._text(
                side, level, _caption(column), SMALL, to_right=column.is_number, is_bold=True
            )
            left += column.width
        level -= GAP
        canvas.setStrokeGray(BLACK)
        canvas.setLineWidth(0.6)
        canvas.line(MARGIN, level, WIDTH - MARGIN, level)
        canvas.setStrokeGray(RULE)
        canvas.setLineWidth(0.25)
        for number, line in enumerate(lines):
            if number and not line.is_part:  # the parts stay with their entry
                canvas.line(MARGIN, level, WIDTH - MARGIN, level)
            self._draw_line(line, level)
            level -= line.height

    def _draw_line(self, line: Line, top: float) -> None:
        left = MARGIN
        gray = GREY if line.is_part else BLACK
        for column, cell in zip(COLUMNS, line.cells, strict=True):
            level = top
            for text in cell:
                level -= LEADING
                if column.is_number:
                    self._text(
                        left + column.width - GAP, level + 1.5, text, SIZE, gray=gray,
                        to_right=True, is_bold=line.is_strong,
                    )  # fmt: skip
                else:
                    self._text(left, level + 1.5, text, SIZE, gray=gray, is_bold=line.is_strong)
            left += column.width

    def _end_page(self) -> None:
        foot = _("Page %(page)d of %(pages)d") % {"page": self._page, "pages": self._pages}
        self._text(WIDTH - MARGIN, MARGIN - 8, foot, SMALL, gray=GREY, to_right=True)
        note = _("Long texts are cut; the CSV and the XLSX have them in full.")
        self._text(MARGIN, MARGIN - 8, f"{self._head.statement_no} · {note}", SMALL, gray=GREY)
        self._canvas.drawText(self._page_text)
        self._canvas.showPage()
        self._page_text = self._canvas.beginText()
        self._page += 1

    def _text(
        self,
        at: float,
        level: float,
        text: str,
        size: float,
        *,
        gray: float = BLACK,
        to_right: bool = False,
        is_bold: bool = False,
    ) -> None:
        runs = _runs(text)
        if is_bold:
            runs = [(LATIN_BOLD if font == LATIN else font, run) for font, run in runs]
        if to_right and is_bold:
            at -= sum(stringWidth(run, font, size) for font, run in runs)
        elif to_right:
            at -= _width(runs, size)
        # One text object for a page: a new one for each text takes twice as long.
        page = self._page_text
        page.setFillGray(gray)
        page.setTextOrigin(at, level)
        for font, run in runs:
            page.setFont(font, size)
            page.textOut(run)


def _pages_of(lines: Iterator[Line], top: float) -> list[list[Line]]:
    """The lines of each page; on the first they begin at ``top``."""
    pages: list[list[Line]] = [[]]
    above = LEADING + GAP  # the captions
    left = top - FOOT - above
    for line in lines:
        if line.height > left and pages[-1]:
            pages.append([])
            left = HEIGHT - MARGIN - FOOT - above
        pages[-1].append(line)
        left -= line.height
    return pages


def _line_of(row: Row) -> Line:
    if row.is_entry:
        numbers = [row.merchant_order_no, row.aftersale_no or row.suborder_no or row.order_no]
        cells = [
            [str(row.entry_no)],
            [f"{row.at.astimezone(PLATFORM_ZONE):%Y-%m-%d %H:%M:%S}"],
            _wrapped(str(KINDS[row.kind]), COLUMNS[2].width, most=2),
            [_cut(number, COLUMNS[3].width) for number in numbers if number],
            _wrapped(row.note, COLUMNS[4].width, most=2),
        ]
    else:
        item = f"{row.sku} {row.name}".strip()
        cells = [
            [], [], [str(KINDS[row.kind])], [row.suborder_no],
            _wrapped(item, COLUMNS[4].width, most=2),
        ]  # fmt: skip
    return Line(
        cells=[
            *(cell or [""] for cell in cells),
            ["" if row.quantity is None else f"{row.quantity:,}"],
            [_money(row.unit_price)],
            ["" if row.tax_rate is None else f"{row.tax_rate * 100:.2f}%"],
            [_money(row.amount)],
            [_money(row.balance_after)],
        ],
        is_part=not row.is_entry,
    )


def _standing(name: str, balance: Decimal) -> Line:
    cells: list[list[str]] = [[""] for _column in COLUMNS]
    cells[0], cells[-1] = [name], [_money(balance)]
    return Line(cells=cells, is_part=False, is_strong=True)


def _caption(column: Column) -> str:
    match column.name:
        case "order_no":
            return _("Order, claim")
        case "name":
            return _("Goods, note")
        case name:
            return str(CAPTIONS[name])


def _shown(value: type_of_value) -> str:
    match value:
        case Decimal():
            return _money(value)
        case int():
            return f"{value:,}"
        case datetime():
            return f"{value.astimezone(PLATFORM_ZONE):%Y-%m-%d %H:%M:%S} (UTC+8)"
        case _:
            return str(value)


def _money(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:,.2f}"


def _wrapped(text: str, width: float, *, most: int) -> list[str]:
    """The text in lines that are not wider; the last is cut."""
    lines: list[str] = []
    rest = " ".join(text.split())
    while rest:
        if len(lines) == most - 1:
            return [*lines, _cut(rest, width)]
        end = _fitting(rest, width)
        if end < len(rest) and (blank := rest.rfind(" ", end // 2, end + 1)) > 0:
            end = blank
        lines.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return lines


def _cut(text: str, width: float) -> str:
    end = _fitting(text, width)
    return text if end == len(text) else f"{text[: max(end - 1, 0)]}…"


def _fitting(text: str, width: float) -> int:
    """How many characters of a text are as wide at the most."""
    room = width - GAP
    if _width(_runs(text), SIZE) <= room:
        return len(text)
    used = 0.0
    for position, character in enumerate(text):
        used += SIZE * _drawn(character).width
        if used > room:
            # What closes stands behind something.
            return max(position - (position > 1 and character in CLOSING), 1)
    return len(text)


def _width(runs: Runs, size: float) -> float:
    return size * sum(_drawn(character).width for _font, run in runs for character in run)


def _runs(text: str) -> Runs:
    """A text as it can be drawn: pieces, each with the font that has its characters."""
    if text.isascii() and text.isprintable():
        return [(LATIN, text)]
    return [
        (font, "".join(glyph.text for glyph in glyphs))
        for font, glyphs in groupby(map(_drawn, text), key=attrgetter("font"))
    ]


class Glyph(NamedTuple):
    """A character, or what stands for it; its width where letters are one point high."""

    font: str
    text: str
    width: float


@functools.lru_cache(maxsize=20_000)
def _drawn(character: str) -> Glyph:
    """How a character is drawn: one font has those of Western Europe, the other those of GBK."""
    font = CHINESE
    if not character.isprintable():
        font, character = (LATIN, " ") if character.isspace() else (CHINESE, MISSING)
    elif _is_in(character, "cp1252"):
        font = LATIN
    elif not _is_in(character, "gbk"):
        character = MISSING
    return Glyph(font, character, stringWidth(character, font, 1))


def _is_in(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


@functools.cache
def _register_fonts() -> None:
    rl_config.useA85 = 0  # pages as bytes: nobody needs them in letters, which take long
    registerFont(UnicodeCIDFont(CHINESE))
