"""A file comes in: all of it, or nothing with every fault told."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _

from openplatform.audit.services.recording import record_run
from openplatform.core import clock, errors
from openplatform.core.errors import TemporarilyUnavailable
from openplatform.core.locking import sqlstate_of, transactional
from openplatform.imports.errors import (
    CellInvalid,
    Faults,
    ImportNeedsConfirmation,
    ImportRefused,
)
from openplatform.imports.readers import Cells, digest_of, read_rows, refused
from openplatform.imports.resources import (
    Column,
    Context,
    Importer,
    ImportReport,
    Resource,
    Row,
    get_resource,
)

CHUNK = 1000
MANY_ROWS = 500
DOCUMENT_DIGITS = 40
UNIQUE_VIOLATION = "23505"
# An import may take minutes where a request may not.
PATIENCE = (
    "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '30s';"
    " SET LOCAL idle_in_transaction_session_timeout = 0"
)

Progress = Callable[[int], None]
Written = Callable[[ImportReport], None]


def import_file(
    *,
    resource: str,
    file: Path,
    dry_run: bool = False,
    actor: str,
    now: clock.Clock = clock.now,
    on_progress: Progress | None = None,
    accept_warnings: bool = False,
    seen_warnings: str | None = None,
    is_page: bool = False,
    filename: str = "",
    on_written: Written | None = None,
) -> ImportReport:
    """Import a CSV or XLSX file in one transaction; again, it changes nothing.

    A dry run does all the work and takes it back, so that it finds the same faults; it tells
    warnings and asks nobody.

    :param on_progress: is told the number of rows done, now and then.
    :param seen_warnings: accept no others than those with this fingerprint, told in the same
        language.
    :param is_page: the file came through the back office, where some columns are barred.
    :param filename: what the file is called in the trail, when its path says something else.
    :param on_written: a step that commits together with what was written.
    :raises NotFound: when there is no such resource.
    :raises ImportRefused: with the faults of all rows; nothing was written.
    :raises ImportNeedsConfirmation: when there are warnings that nobody accepted; nothing was
        written.
    :raises TemporarilyUnavailable: when something else wrote the same things meanwhile.
    """
    errand = _Errand(
        resource=get_resource(resource),
        file=file,
        filename=filename or file.name,
        document_no=f"import-{digest_of(file)[:DOCUMENT_DIGITS]}",
        is_dry_run=dry_run,
        actor=actor,
        now=now,
        accepts_warnings=accept_warnings,
        seen_warnings=seen_warnings,
        is_page=is_page,
        on_progress=on_progress,
        on_written=on_written,
    )
    try:
        report = _import_rows(errand)
    except IntegrityError as error:
        if sqlstate_of(error) != UNIQUE_VIOLATION:
            raise
        raise TemporarilyUnavailable from error  # made by another between our look and our write
    if report.rows >= MANY_ROWS and not dry_run:
        _renew_statistics(errand.resource)
    return report


@dataclass(frozen=True, kw_only=True)
class _Errand:
    """What :func:`import_file` was asked for."""

    resource: Resource
    file: Path
    filename: str
    document_no: str
    is_dry_run: bool
    actor: str
    now: clock.Clock
    accepts_warnings: bool
    seen_warnings: str | None
    is_page: bool
    on_progress: Progress | None
    on_written: Written | None


@transactional
def _import_rows(errand: _Errand) -> ImportReport:
    resource = errand.resource
    with connection.cursor() as cursor:
        for setting in PATIENCE.split(";"):
            cursor.execute(setting)
        # Rows are locked in the order of the file; two files of one kind must not meet.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"import {resource.name}"])
    with contextlib.closing(read_rows(errand.file)) as lines:
        columns = _read_head(errand, lines)
        context = Context(
            columns=frozenset(column.name for column in columns),
            actor=errand.actor,
            now=_stamp(errand.now),
            document_no=errand.document_no,
            report=ImportReport(resource=resource.name, is_dry_run=errand.is_dry_run),
        )
        importer = resource.importer(context)
        _take_rows(importer, columns, lines, errand)
    importer.finish()
    context.faults.refuse()
    connection.check_constraints()  # a dry run never comes to the commit that would check them
    report = context.report
    report.warning_count = context.warnings.count
    report.warnings = context.warnings.shown
    report.warnings_fingerprint = context.warnings.fingerprint
    if errand.is_dry_run:
        transaction.set_rollback(True)
        return report
    _require_accepted(errand, report)
    record_run(
        action="import_file",
        kind=f"imports.{resource.name}",
        number=errand.document_no,
        label=f"{resource.name} {errand.filename}",
        outcome={
            "file": errand.filename,
            "rows": report.rows,
            "created": report.created,
            "updated": report.updated,
            "unchanged": report.unchanged,
            **({"warnings": report.warning_count} if report.warning_count else {}),
        },
        actor=errand.actor,
    )
    if errand.on_written is not None:
        errand.on_written(report)
    return report


def _require_accepted(errand: _Errand, report: ImportReport) -> None:
    """:raises ImportNeedsConfirmation: when somebody has to look at the warnings first."""
    are_seen = errand.seen_warnings in {None, report.warnings_fingerprint}
    if report.warning_count and not (errand.accepts_warnings and are_seen):
        raise ImportNeedsConfirmation(report)


def _renew_statistics(resource: Resource) -> None:
    """The planner must know of a full table before autovacuum comes by, a minute later.

    Afterwards, in a transaction of its own: nobody waits for it.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        for model in resource.writes:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")


def _stamp(now: clock.Clock) -> datetime:
    """The stamp of the run: taken once its transaction has begun, never before it."""
    return now()


def _read_head(errand: _Errand, lines: Iterator[Cells]) -> list[Column]:
    """The file's columns, from its first row.

    :raises ImportRefused: for unknown, missing, repeated and barred columns.
    """
    resource = errand.resource
    _number, names = next(lines, (1, []))
    while names and not names[-1]:
        names.pop()
    if not names:
        raise refused(1, str(_("The file has no head")))
    barred = resource.barred_on_page if errand.is_page else {}
    known = {column.name: column for column in resource.columns}
    faults = Faults()
    for index, name in enumerate(names):
        if name not in known:
            text = _("There is no such column; known are: %(columns)s") % {
                "columns": ", ".join(other for other in known if other not in barred)
            }
            faults.add(1, name[:64], text, errors.UnknownField)
        elif name in barred:
            faults.add(1, name, barred[name])
        elif name in names[:index]:
            faults.add(1, name, _("The column stands here twice"))
    for column in resource.columns:
        if column.is_required and column.name not in names:
            faults.add(1, column.name, _("The column is missing"), errors.FieldRequired)
    faults.refuse()
    return [known[name] for name in names]


def _take_rows(
    importer: Importer,
    columns: Sequence[Column],
    lines: Iterator[Cells],
    errand: _Errand,
) -> None:
    context = importer.context
    filled_in = [
        index for index, column in enumerate(columns) if column.name in errand.resource.filled_in
    ]
    while chunk := list(islice(lines, CHUNK)):
        rows = []
        for number, cells in chunk:
            if not any(cells):
                continue
            context.report.rows += 1
            if filled_in and not any(cell for i in filled_in for cell in cells[i : i + 1]):
                context.count(unchanged=1)
                continue
            row = _parse_row(number, cells, columns, context.faults)
            if row is not None:
                rows.append(row)
        if rows:
            importer.take(rows)
        if errand.on_progress is not None:
            errand.on_progress(context.report.rows)


def _parse_row(
    number: int, cells: list[str], columns: Sequence[Column], faults: Faults
) -> Row | None:
    """The row, or None when a cell is at fault. Cells missing at its end are blank."""
    before = faults.count
    if any(cells[len(columns) :]):
        faults.add(number, "", _("The row has more cells than the head"), ImportRefused)
    values: dict[str, Any] = {}
    padded = [*cells, *[""] * (len(columns) - len(cells))]
    for column, text in zip(columns, padded, strict=False):
        if not text:
            values[column.name] = None
            if column.is_required:
                faults.add(number, column.name, error=errors.FieldRequired)
            continue
        try:
            values[column.name] = column.parse(text)
        except CellInvalid as fault:
            faults.add(number, column.name, fault.text, fault.error)
    return Row(number, values) if faults.count == before else None
