"""All files of a statement, in one pass over its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from django.utils import translation

from reconciliation.files.csv_files import CsvRows
from reconciliation.files.pdf_files import MAX_ROWS, write_pdf
from reconciliation.files.rows import Head, Row
from reconciliation.files.xlsx_files import Workbook
from reconciliation.models import StatementFile

TOLD_EVERY = 1000  # rows

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file on this host's disk."""

    path: Path
    format: str
    language: str
    sha256: str
    size_bytes: int


def write_files(
    folder: Path, *, head: Head, rows: Iterable[Row], on_progress: Progress
) -> tuple[int, list[MadeFile]]:
    """How many rows there were, and the files: every format in every language.

    In constant memory: of the rows at most those are kept that still make a PDF.

    :param folder: an empty one of this host's, for the files and what becomes them.
    :param on_progress: is told how many rows are done.
    """
    kept: list[Row] = []
    count = 0
    with ExitStack() as opened:
        body = opened.enter_context(closing(CsvRows(folder / "rows")))
        books = {}
        for language in StatementFile.Language:
            with translation.override(language.value):
                book = Workbook(_path(folder, StatementFile.Format.XLSX, language), head)
            books[language] = opened.enter_context(closing(book))
        for row in rows:
            body.add(row)
            for book in books.values():
                book.add(row)
            count += 1
            if count <= MAX_ROWS:
                kept.append(row)
            if count % TOLD_EVERY == 0:
                on_progress(count)
    for language in StatementFile.Language:
        on_progress(count)
        with translation.override(language.value):
            body.write(_path(folder, StatementFile.Format.CSV, language), head)
            write_pdf(
                _path(folder, StatementFile.Format.PDF, language),
                head,
                kept if count <= MAX_ROWS else None,
                count,
            )
    on_progress(count)
    return count, [
        _made(_path(folder, format, language), format, language)
        for language in StatementFile.Language
        for format in StatementFile.Format
    ]


def _path(folder: Path, format: StatementFile.Format, language: StatementFile.Language) -> Path:
    return folder / f"{language.value}.{format.value}"


def _made(path: Path, format: StatementFile.Format, language: StatementFile.Language) -> MadeFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return MadeFile(path, format.value, language.value, digest.hexdigest(), path.stat().st_size)
