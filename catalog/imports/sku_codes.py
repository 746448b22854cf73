"""SKU codes out of a file that somebody chose: a list, or a table with a column ``sku``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from django.utils.translation import gettext as _

from openplatform.core.uploads.limited_process import WITHIN, held_slot
from openplatform.imports.readers import Bounds, Cells, read_rows, refused

COLUMN = "sku"
BETWEEN = r"\s,;，；、"
CODE = re.compile(rf"[^{BETWEEN}]+")
MAX_CODES = 200_000
MAX_ROWS = 200_000
# A page waits for them, and so may orders that come to the same web process.
BOUNDS = Bounds(unpacked=20 << 20, seconds=5, within=WITHIN)


def read_sku_codes(file: Path) -> list[str]:
    """The codes in order, each once: the column ``sku`` of a CSV or XLSX file, or of a file
    without that heading everything in it, divided by blanks, lines, commas or semicolons.

    It is read within bounds that suit a web request: a page waits for it.

    :raises ImportRefused: when the file cannot be read, is too large, or names too many.
    :raises TemporarilyUnavailable: while this web process is at another file.
    """
    codes: dict[str, None] = {}
    with held_slot(), closing(read_rows(file, bounds=BOUNDS)) as rows:
        for code in _codes_of(_bounded(rows)):
            codes[code] = None
            if len(codes) > MAX_CODES:
                text = _("The file names more than %(count)d SKUs") % {"count": MAX_CODES}
                raise refused(1, text)
    return list(codes)


def split_codes(text: str) -> list[str]:
    """The codes in a text, in order, each once."""
    return list(dict.fromkeys(CODE.findall(text)))


def _bounded(rows: Iterable[Cells]) -> Iterator[list[str]]:
    for number, cells in rows:
        if number > MAX_ROWS:
            raise refused(number, _("The file has more than %(count)d rows") % {"count": MAX_ROWS})
        yield cells


def _codes_of(rows: Iterable[list[str]]) -> Iterator[str]:
    column: int | None = None
    is_first = True
    for cells in rows:
        if not any(cells):
            continue
        heads = [cell.lower() for cell in cells] if is_first else []
        is_first = False
        if COLUMN in heads:
            column = heads.index(COLUMN)
        elif column is None:
            yield from (match.group() for match in CODE.finditer(" ".join(cells)))
        elif column < len(cells) and cells[column]:
            yield cells[column]
