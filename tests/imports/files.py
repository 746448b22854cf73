"""Files for imports to read, and what they are refused for."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from openplatform.imports.errors import ImportRefused
from openplatform.imports.resources import ImportReport
from openplatform.imports.services.importing import import_file


def write_csv(file: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A CSV file whose columns are those of the first row."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


class Desk:
    """Imports rows, as an operator would from files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(
        self,
        resource: str,
        *rows: Mapping[str, Any],
        dry_run: bool = False,
        accept_warnings: bool = False,
    ) -> ImportReport:
        """Import the rows; the columns are those of the first one."""
        file = write_csv(self.folder / f"{resource}.csv", rows)
        return import_file(
            resource=resource,
            file=file,
            dry_run=dry_run,
            accept_warnings=accept_warnings,
            actor="operator",
        )

    def counts(self, resource: str, *rows: Mapping[str, Any]) -> tuple[int, int, int]:
        """Import the rows; answers created, updated, unchanged."""
        report = self.load(resource, *rows)
        return (report.created, report.updated, report.unchanged)

    def faults(self, resource: str, *rows: Mapping[str, Any]) -> list[tuple[int, str, str]]:
        """Import rows that are refused; answers row, column and code of each fault."""
        with faults_expected() as faults:
            self.load(resource, *rows)
        return faults


@contextmanager
def faults_expected() -> Iterator[list[tuple[int, str, str]]]:
    """The faults of the import in the block, which must be refused."""
    faults: list[tuple[int, str, str]] = []
    with pytest.raises(ImportRefused) as refused:
        yield faults
    assert all(fault.text for fault in refused.value.row_faults)
    faults += [(fault.row, fault.column, fault.code) for fault in refused.value.row_faults]


@pytest.fixture
def desk(tmp_path: Path, db: None) -> Desk:
    """Where an operator imports files."""
    return Desk(tmp_path)
