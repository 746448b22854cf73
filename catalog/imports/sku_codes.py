"""SKU codes out of a file that somebody chose: a list, or a table with a column ``sku``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from django.utils.translation import gettext as _

from openplatform.imports.readers import read_rows, refused

COLUMN = "sku"
BETWEEN_CODES = re.compile(r"[\s,;，；、]+")
MAX_CODES = 200_000


def read_sku_codes(file: Path) -> list[str]:
    """The codes in order, each once: the column ``sku`` of a CSV or XLSX file, or of a file
    without that heading everything in it, divided by blanks, lines, commas or semicolons.

    :raises ImportRefused: when the file cannot be read, or names too many.
    """
    codes: dict[str, None] = {}
    with closing(read_rows(file)) as rows:
        for code in _codes_of(cells for _number, cells in rows):
            codes[code] = None
            if len(codes) > MAX_CODES:
                text = _("The file names more than %(count)d SKUs") % {"count": MAX_CODES}
                raise refused(1, text)
    return list(codes)


def split_codes(text: str) -> list[str]:
    """The codes in a text, in order, each once."""
    return list(dict.fromkeys(part for part in BETWEEN_CODES.split(text) if part))


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
            yield from split_codes(" ".join(cells))
        elif column < len(cells) and cells[column]:
            yield cells[column]
