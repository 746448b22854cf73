"""Tables as pages show them, and give them away as files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.timezone import localtime

from openplatform.audit.services.recording import record_run
from openplatform.core import clock
from openplatform.core.uploads.files import MEDIA_TYPES
from openplatform.imports.tables import Form, Table, Value, to_csv, to_xlsx


class TableFile(NamedTuple):
    """One table, or all of them; ``name`` says which."""

    name: str
    extension: str
    content: bytes


def columns_of(table: Table) -> list[tuple[str, bool]]:
    """Titles, and whether a column stands to the right."""
    return [(title, form != Form.TEXT) for title, form in table.columns]


def rows_of(table: Table) -> list[list[tuple[Any, bool]]]:
    """Cells as text, and whether they stand to the right."""
    return [
        [
            (text_of(value, form), form != Form.TEXT)
            for value, (_title, form) in zip(row, table.columns, strict=True)
        ]
        for row in table.rows
    ]


def text_of(value: Value, form: Form) -> str:
    """A value as a page has it."""
    match value:
        case None:
            return "–"
        case datetime():
            return date_format(localtime(value), "Y-m-d H:i")
        case str() | date():
            return str(value)
    match form:
        case Form.AMOUNT:
            return f"{value:,.2f}"
        case Form.SHARE:
            return f"{value:.2%}"
        case Form.HOURS:
            return f"{value:,.1f}"
        case _:
            return f"{value:,}"


def file_of(request: HttpRequest, tables: Sequence[Table]) -> TableFile:
    """The file that the address asks for: a workbook of all tables, or one of them as CSV, which
    it names where there are more than one.

    :raises Http404: when there is no such file.
    """
    by_name = {table.name: table for table in tables}
    name = tables[0].name if len(tables) == 1 else request.GET.get("table", "")
    match request.GET["file"]:
        case "xlsx":
            return TableFile("all", "xlsx", to_xlsx(tables))
        case "csv" if name in by_name:
            return TableFile(name, "csv", to_csv(by_name[name]))
        case _:
            raise Http404


def answer_file(
    request: HttpRequest, file: TableFile, *, title: str, action: str, kind: str, number: str = ""
) -> HttpResponse:
    """The file as a download; the trail says who took it.

    :param title: its name without the ending.
    :param number: of what it is about, where that has one; else of the moment.
    """
    filename = f"{title}.{file.extension}"
    with transaction.atomic():
        record_run(
            action=action,
            kind=kind,
            number=number or f"{localtime(clock.now()):%Y%m%d%H%M%S}",
            label=filename,
            outcome={},
            actor=request.user.get_username(),
        )
    return HttpResponse(
        file.content,
        content_type=MEDIA_TYPES[file.extension],
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            "Cache-Control": "no-store",
        },
    )
