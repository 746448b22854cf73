"""What can be imported: each app registers its resources when it is ready."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Model

from openplatform.core import errors
from openplatform.core.errors import DomainError, NotFound, type_of_text
from openplatform.imports.errors import Faults, RowWarning, Warnings
from openplatform.imports.parsers import Parser


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a resource.

    :param is_required: the column must be there, and no cell of it blank.
    :param help: what its cells say and how they are written, for the page.
    """

    name: str
    parse: Parser
    is_required: bool = False
    help: type_of_text = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row without faults in its cells.

    ``values`` holds an entry for each column of the file: the parsed value, or None for a blank
    cell. A column that the file does not have is not in it.
    """

    number: int
    values: Mapping[str, Any]

    def get(self, column: str) -> Any:
        """The value; None when the cell is blank or the column missing."""
        return self.values.get(column)


@dataclass(slots=True)
class ImportReport:
    """What an import did: rows of the file, and what became of what they describe.

    Of its warnings the first thousand are told; ``warnings_fingerprint`` stands for all.
    """

    resource: str
    is_dry_run: bool
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    messages: list[str] = field(default_factory=list)
    warning_count: int = 0
    warnings: list[RowWarning] = field(default_factory=list)
    warnings_fingerprint: str = ""


@dataclass(slots=True)
class Context:
    """One run of an import.

    :param columns: the columns that the file has.
    :param document_no: names the file by its content, for rows that record their cause.
    """

    columns: frozenset[str]
    actor: str
    now: datetime
    document_no: str
    report: ImportReport
    faults: Faults = field(default_factory=Faults)
    warnings: Warnings = field(default_factory=Warnings)

    def count(self, *, created: int = 0, updated: int = 0, unchanged: int = 0) -> None:
        """Add to the report."""
        self.report.created += created
        self.report.updated += updated
        self.report.unchanged += unchanged


class Importer(ABC):
    """Takes the rows of one file. Subclasses check and write; the framework decides the rest.

    The whole run is one transaction, which is rolled back when there is any fault, and for a dry
    run. So rows may be written as they come, and checks may lean on what earlier rows wrote.
    A deadlock starts the run again with a new importer.
    """

    def __init__(self, context: Context) -> None:
        self.context = context

    @abstractmethod
    def take(self, rows: Sequence[Row]) -> None:
        """The next rows, at most a thousand, none with a fault in a cell."""

    def finish(self) -> None:  # noqa: B027 - not every importer has to wait
        """All rows have come: write what had to wait for them, publish."""

    def refuse(
        self,
        row: Row | int,
        column: str,
        text: type_of_text = "",
        error: type[DomainError] = errors.FieldInvalid,
    ) -> None:
        """Note a fault of a row."""
        number = row if isinstance(row, int) else row.number
        self.context.faults.add(number, column, text, error)

    def warn(self, row: Row | int, column: str, text: type_of_text, code: str) -> None:
        """Note what is legal but odd: the file is written once somebody accepts it.

        :param code: a word for programs, ``price_falls``.
        """
        number = row if isinstance(row, int) else row.number
        self.context.warnings.add(number, column, text, code)

    def refuse_items(self, rows: Sequence[Row | int], refused: DomainError) -> None:
        """Note the faults of a step that took one item a row, by pointers like ``/7/parent``."""
        for fault in refused.faults:
            _root, index, column = fault.pointer.split("/")
            self.refuse(rows[int(index)], column, fault.detail, type(fault))


@dataclass(frozen=True, slots=True)
class Resource:
    """What one kind of file holds.

    :param writes: the tables that a large one changes a lot.
    :param permissions: who may import it through the back office, ``catalog.change_stock``: whoever
        has all of them; without any, administrators only.
    :param barred_on_page: columns that only the command takes, and why. One person at a page must
        not do what takes two.
    :param filled_in: columns that people fill in, in a file made by us: a row in which all of them
        are blank is left out.
    """

    name: str
    label: type_of_text
    columns: tuple[Column, ...]
    importer: type[Importer]
    writes: tuple[type[Model], ...] = ()
    permissions: tuple[str, ...] = ()
    barred_on_page: Mapping[str, type_of_text] = field(default_factory=dict)
    filled_in: tuple[str, ...] = ()

    @property
    def page_columns(self) -> list[Column]:
        """What a file may have that comes in through the back office."""
        return [column for column in self.columns if column.name not in self.barred_on_page]


RESOURCES: dict[str, Resource] = {}


def register(*resources: Resource) -> None:
    """Make resources known to the command and the admin page."""
    RESOURCES.update({resource.name: resource for resource in resources})


def get_resource(name: str) -> Resource:
    """:raises NotFound: when no app registered it."""
    if name not in RESOURCES:
        raise NotFound(pointer="/resource", known=sorted(RESOURCES))
    return RESOURCES[name]
