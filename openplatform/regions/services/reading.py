"""Files of the address library, read strictly: every fault is found before anything is written."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import FileInvalid, refuse_if
from openplatform.regions.models import MAX_CODE_LENGTH, Region
from openplatform.regions.selectors import CODE

COLUMNS = ("code", "parent", "level", "name")
OPTIONAL_COLUMNS = ("source",)
LEVELS = {str(level.value): level.value for level in Region.Level}
MAX_NAME = 64
MAX_PATH_NAME = 255
MAX_BYTES = 64 * 1024 * 1024  # unpacked; the library of 2024 takes 1.6 MB
MAX_FAULTS = 100
GZIP_MAGIC = b"\x1f\x8b"
YEAR = re.compile(r"regions-([0-9]{4})(?![0-9])", re.ASCII)


@dataclass(frozen=True, slots=True)
class RegionRow:
    """One place as the table holds it; ``path`` has the codes from the province down to it."""

    code: str
    parent: str | None
    level: int
    name: str
    path: tuple[str, ...]
    path_name: str
    has_children: bool


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    code: str
    parent: str
    level: int
    name: str


def read_content(file: Path) -> bytes:
    """The file's bytes, unpacked if it is gzip (told by its content, not by its name).

    :raises FileInvalid: when it cannot be opened or unpacked, or is larger than 64 MB unpacked.
    """
    try:
        with file.open("rb") as opened:
            packed = opened.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            opened.seek(0)
            if packed:
                with gzip.open(opened) as unpacked:
                    content = unpacked.read(MAX_BYTES + 1)
            else:
                content = opened.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise FileInvalid(_("The file cannot be opened or unpacked"), file=file.name) from error
    if len(content) > MAX_BYTES:
        raise FileInvalid(_("The file is too large"), maximum_bytes=MAX_BYTES)
    return content


def year_of(file: Path) -> str | None:
    """``2024`` for ``regions-2024.csv.gz``; None for a name without a year."""
    found = YEAR.search(file.name)
    return found[1] if found else None


def read_regions(content: bytes) -> list[RegionRow]:
    """All places of a library file, parents before their children.

    :raises FileInvalid: when the bytes are not CSV in UTF-8, or the header is another.
    :raises Refusal: with a ``file_invalid`` for each faulty row, up to 100.
    """
    faults: list[FileInvalid] = []
    lines = _by_code(_read_lines(content, faults), faults)
    _check_parents(lines, faults)
    refuse_if(faults[:MAX_FAULTS])
    rows = _with_paths(lines)
    faults += [
        _fault(lines[row.code].number, "name", _("The full name is too long"))
        for row in rows
        if len(row.path_name) > MAX_PATH_NAME
    ]
    refuse_if(faults[:MAX_FAULTS])
    return rows


def read_successors(content: bytes) -> dict[str, str]:
    """Old code → new code; a first line that does not begin with a code is taken as the header.

    :raises FileInvalid: when the bytes are not CSV in UTF-8.
    :raises Refusal: with a ``file_invalid`` for each faulty row, up to 100.
    """
    faults: list[FileInvalid] = []
    successors: dict[str, str] = {}
    for position, (number, cells) in enumerate(_records(content)):
        if position == 0 and not CODE.fullmatch(cells[0]):
            continue
        match cells:
            case [old, new] if not (CODE.fullmatch(old) and CODE.fullmatch(new)):
                faults.append(_fault(number, "", _("Both cells of a row are codes")))
            case [old, new] if old == new:
                faults.append(_fault(number, "new_code", _("A code cannot follow itself")))
            case [old, _new] if old in successors:
                text = _("This code stands in the file twice")
                faults.append(_fault(number, "old_code", text))
            case [old, new]:
                successors[old] = new
            case _cells:
                text = _("A row has two codes: the old and the new one")
                faults.append(_fault(number, "", text))
    refuse_if(faults[:MAX_FAULTS])
    return successors


def _records(content: bytes) -> Iterator[tuple[int, list[str]]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileInvalid(_("The file is not UTF-8")) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise FileInvalid(_("The file is not CSV"), row=reader.line_num) from error


def _read_lines(content: bytes, faults: list[FileInvalid]) -> Iterator[_Line]:
    records = _records(content)
    number, header = next(records, (1, []))
    missing = [name for name in COLUMNS if name not in header]
    unknown = [name for name in header if name not in COLUMNS + OPTIONAL_COLUMNS]
    if missing or unknown or len(set(header)) != len(header):
        raise FileInvalid(
            _("The header must be code,parent,level,name (and source, if you like)"),
            row=number,
            missing=missing,
            unknown=unknown[:MAX_FAULTS],
        )
    at_code, at_parent, at_level, at_name = (header.index(name) for name in COLUMNS)
    for number, cells in records:
        if len(cells) != len(header):
            faults.append(_fault(number, "", _("The row has more or fewer cells than the header")))
            continue
        level = LEVELS.get(cells[at_level])
        if level is None:
            faults.append(_fault(number, "level", _("A level is 1, 2, 3 or 4")))
            continue
        yield _Line(number, cells[at_code], cells[at_parent], level, cells[at_name])


def _by_code(lines: Iterable[_Line], faults: list[FileInvalid]) -> dict[str, _Line]:
    known: dict[str, _Line] = {}
    for line in lines:
        if not CODE.fullmatch(line.code):
            text = _("A code is made of up to %(count)s digits") % {"count": MAX_CODE_LENGTH}
            faults.append(_fault(line.number, "code", text))
        elif line.code in known:
            faults.append(_fault(line.number, "code", _("This code stands in the file twice")))
        else:
            known[line.code] = line
            if not _is_name(line.name):
                faults.append(_fault(line.number, "name", _("This is no name of a place")))
    if not known and not faults:
        raise FileInvalid(_("The file has no places"))
    return known


def _is_name(text: str) -> bool:
    return 0 < len(text) <= MAX_NAME and text.isprintable() and text == text.strip()


def _check_parents(lines: dict[str, _Line], faults: list[FileInvalid]) -> None:
    for line in lines.values():
        if line.level == Region.Level.PROVINCE:
            if line.parent:
                text = _("A province has no parent")
                faults.append(_fault(line.number, "parent", text))
        elif line.parent not in lines:
            faults.append(_fault(line.number, "parent", _("The parent is not in the file")))
        elif lines[line.parent].level >= line.level:
            # This also rules out circles.
            text = _("The parent must be of a higher level")
            faults.append(_fault(line.number, "parent", text))


def _with_paths(lines: dict[str, _Line]) -> list[RegionRow]:
    parents = {line.parent for line in lines.values()}
    rows: dict[str, RegionRow] = {}
    for line in sorted(lines.values(), key=lambda line: (line.level, line.code)):
        above = rows.get(line.parent)
        rows[line.code] = RegionRow(
            code=line.code,
            parent=above.code if above else None,
            level=line.level,
            name=line.name,
            path=(*above.path, line.code) if above else (line.code,),
            path_name=f"{above.path_name} {line.name}" if above else line.name,
            has_children=line.code in parents,
        )
    return list(rows.values())


def _fault(row: int, column: str, text: str | Promise) -> FileInvalid:
    return FileInvalid(text, row=row, column=column)
