"""What is wrong with a file, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _g

from openplatform.core import errors
from openplatform.core.errors import DomainError, type_of_text

MAX_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class RowFault:
    """One fault. ``row`` counts as a spreadsheet does: the head is row 1."""

    row: int
    column: str
    code: str
    text: str


class CellInvalid(Exception):
    """A parser's refusal of a cell."""

    def __init__(
        self, text: type_of_text = "", error: type[DomainError] = errors.FieldInvalid
    ) -> None:
        super().__init__(error.code)
        self.error = error
        self.text = text or error.title


class ImportRefused(errors.FileInvalid):
    """A file with faults; nothing of it was written.

    ``row_faults`` holds the first thousand by row, ``fault_count`` tells how many there are.
    """

    def __init__(self, faults: Sequence[RowFault], *, fault_count: int | None = None) -> None:
        count = len(faults) if fault_count is None else fault_count
        super().__init__(_g("Faults: %(count)d. Nothing was imported") % {"count": count})
        self.row_faults = list(faults)
        self.fault_count = count


class Faults:
    """The faults of one run: all are counted, the first thousand kept."""

    def __init__(self) -> None:
        self.count = 0
        self._kept: list[RowFault] = []

    def add(
        self,
        row: int,
        column: str,
        text: type_of_text = "",
        error: type[DomainError] = errors.FieldInvalid,
    ) -> None:
        """Note a fault; without text, the title of its code."""
        self.count += 1
        if len(self._kept) < MAX_SHOWN:
            self._kept.append(RowFault(row, column, error.code, str(text or error.title)))

    def add_error(self, row: int, error: DomainError, *, column: str = "") -> None:
        """Note what a step refused; a :class:`Refusal` counts as each of its faults."""
        for fault in error.faults or [error]:
            self.add(row, column or fault.pointer.rpartition("/")[2], fault.detail, type(fault))

    def refuse(self) -> None:
        """:raises ImportRefused: when there is any fault."""
        if self.count:
            shown = sorted(self._kept, key=lambda fault: fault.row)
            raise ImportRefused(shown, fault_count=self.count)
