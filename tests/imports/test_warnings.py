"""Rows that are legal but odd: the file waits until somebody accepts them."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest

from catalog.models import Category
from openplatform.audit.models import AuditEntry
from openplatform.imports.errors import (
    MAX_SHOWN,
    ImportNeedsConfirmation,
    ImportRefused,
    Warnings,
)
from openplatform.imports.services.importing import import_file
from tests.imports.files import Desk

pytestmark = pytest.mark.django_db

ROWS: list[dict[str, Any]] = [
    {"code": "a", "name": "A"},
    {"code": "b", "name": "Bee"},
    {"code": "c", "name": "C"},
]


def test_nothing_is_written_when_nobody_accepts_the_warnings(desk: Desk, odd_resource: str) -> None:
    with pytest.raises(ImportNeedsConfirmation) as asked:
        desk.load(odd_resource, *ROWS)

    report = asked.value.report
    assert (asked.value.code, asked.value.status) == ("needs_confirmation", 409)
    assert [astuple(warning) for warning in report.warnings] == [
        (2, "name", "name_is_short", "A is short"),
        (4, "name", "name_is_short", "C is short"),
    ]
    assert (report.rows, report.created, report.warning_count) == (3, 3, 2)
    assert not Category.objects.exists()
    assert not AuditEntry.objects.exists()


def test_file_is_written_and_its_warnings_counted_in_the_trail_when_they_are_accepted(
    desk: Desk, odd_resource: str
) -> None:
    report = desk.load(odd_resource, *ROWS, accept_warnings=True)

    assert (report.created, report.warning_count) == (3, 2)
    assert Category.objects.count() == 3
    assert AuditEntry.objects.get().after["warnings"] == 2


def test_warnings_are_told_and_nobody_is_asked_when_the_run_is_dry(
    desk: Desk, odd_resource: str
) -> None:
    report = desk.load(odd_resource, *ROWS, dry_run=True)

    assert [warning.row for warning in report.warnings] == [2, 4]
    assert not Category.objects.exists()


def test_faults_come_before_warnings(desk: Desk, odd_resource: str) -> None:
    with pytest.raises(ImportRefused):
        desk.load(odd_resource, *ROWS, {"code": "bad code", "name": "D"}, accept_warnings=True)

    assert not Category.objects.exists()


def test_first_thousand_warnings_are_kept_and_all_are_counted(
    desk: Desk, odd_resource: str
) -> None:
    rows = [{"code": f"c{number}", "name": "C"} for number in range(MAX_SHOWN + 200)]

    report = desk.load(odd_resource, *rows, dry_run=True)

    assert (len(report.warnings), report.warning_count) == (MAX_SHOWN, MAX_SHOWN + 200)


def test_other_warnings_than_those_that_were_seen_are_not_accepted(
    desk: Desk, odd_resource: str, tmp_path: Path
) -> None:
    seen = desk.load(odd_resource, *ROWS, dry_run=True).warnings_fingerprint
    file = tmp_path / "other.csv"
    file.write_text("code,name\na,Ay\nb,B\nc,C\n")

    with pytest.raises(ImportNeedsConfirmation):
        import_file(
            resource=odd_resource, file=file, actor="operator", accept_warnings=True,
            seen_warnings=seen,
        )  # fmt: skip

    assert seen
    assert not Category.objects.exists()


def test_no_fingerprint_is_there_when_there_is_no_warning(desk: Desk, odd_resource: str) -> None:
    report = desk.load(odd_resource, {"code": "b", "name": "Bee"})

    assert (report.warning_count, report.warnings, report.warnings_fingerprint) == (0, [], "")


def test_fingerprint_is_the_same_when_the_same_warnings_come_in_another_order() -> None:
    told = [(2, "price", "falls by 90%", "price_falls"), (3, "price", "falls", "price_falls")]
    first, again, other = Warnings(), Warnings(), Warnings()

    for warning in told:
        first.add(*warning)
    for warning in reversed(told):
        again.add(*warning)
    other.add(2, "price", "falls by 50%", "price_falls")
    other.add(*told[1])

    assert first.fingerprint == again.fingerprint
    assert len({first.fingerprint, other.fingerprint, ""}) == 3
    assert [warning.row for warning in again.shown] == [2, 3]
