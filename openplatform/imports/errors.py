"""What is wrong with a file, cell by cell."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from openplatform.core import errors
from openplatform.core.errors import DomainError, type_of_text

if TYPE_CHECKING:
    from openplatform.imports.resources import ImportReport

MAX_SHOWN = 1000
FINGERPRINTS = 1 << 256
# What no text has: files in encodings that were not meant bring it in, and neither JSON in the
# database nor whoever reads a list of faults can do with it.
IN_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class RowFault:
    """One fault. ``row`` counts as a spreadsheet does: the head is row 1."""

    row: int
    column: str
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class RowWarning:
    """Something legal but odd. ``code`` is the importer's own, ``price_falls`` for one."""

    row: int
    column: str
    code: str
    text: str


def printable(text: str) -> str:
    """A text of a file without the characters that no text has."""
    return IN_NO_TEXT.sub("", text)


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
        super().__init__(gettext("Faults: %(count)d. Nothing was imported") % {"count": count})
        self.row_faults = list(faults)
        self.fault_count = count


class ImportNeedsConfirmation(DomainError):
    """A file without faults that somebody has to look at; nothing of it was written.

    ``report`` says what it would do, with the first thousand warnings and how many there are.
    """

    code = "needs_confirmation"
    status = 409
    title = _("The file has warnings; it is imported once somebody accepts them")

    def __init__(self, report: ImportReport) -> None:
        count = report.warning_count
        super().__init__(
            gettext("Warnings: %(count)d. Nothing is imported until they are accepted")
            % {"count": count}
        )
        self.report = report


class ImportStateConflict(DomainError):
    code = "import_state_conflict"
    status = 409
    title = _("This import has moved on meanwhile")


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
            told = str(text or error.title)
            self._kept.append(RowFault(row, printable(column), error.code, printable(told)))

    def add_error(self, row: int, error: DomainError, *, column: str = "") -> None:
        """Note what a step refused; a :class:`Refusal` counts as each of its faults."""
        for fault in error.faults or [error]:
            self.add(row, column or fault.pointer.rpartition("/")[2], fault.detail, type(fault))

    def refuse(self) -> None:
        """:raises ImportRefused: when there is any fault."""
        if self.count:
            shown = sorted(self._kept, key=lambda fault: fault.row)
            raise ImportRefused(shown, fault_count=self.count)


class Warnings:
    """The warnings of one run: all are counted, the first thousand kept."""

    def __init__(self) -> None:
        self.count = 0
        self._kept: list[RowWarning] = []
        self._sum = 0

    def add(self, row: int, column: str, text: type_of_text, code: str) -> None:
        """Note a warning."""
        self.count += 1
        digest = hashlib.sha256(f"{row}\0{column}\0{code}\0{text}".encode()).digest()
        self._sum = (self._sum + int.from_bytes(digest)) % FINGERPRINTS
        if len(self._kept) < MAX_SHOWN:
            self._kept.append(RowWarning(row, printable(column), code, printable(str(text))))

    @property
    def shown(self) -> list[RowWarning]:
        """Those that are kept, by row."""
        return sorted(self._kept, key=lambda warning: warning.row)

    @property
    def fingerprint(self) -> str:
        """Stands for all of them, in whatever order they came; empty when there are none."""
        return f"{self._sum:064x}" if self.count else ""
