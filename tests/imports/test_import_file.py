"""The framework, through the smallest resource: what any import promises."""

from __future__ import annotations

import codecs
from datetime import UTC, date, datetime
from pathlib import Path

import openpyxl
import pytest
import time_machine
from django.db import connection

from catalog.models import Category, Sku
from openplatform.core.errors import NotFound
from openplatform.imports.errors import MAX_SHOWN, ImportRefused
from openplatform.imports.services.importing import import_file
from tests.cast import World
from tests.imports.files import Desk, faults_expected

HEAD = "code,name,parent\n"
pytestmark = pytest.mark.django_db


def load(file: Path, content: str | bytes) -> tuple[int, int]:
    """Import categories; answers rows and created."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    report = import_file(resource="categories", file=file, actor="operator")
    return (report.rows, report.created)


def test_byte_order_mark_is_no_part_of_the_head(tmp_path: Path) -> None:
    content = codecs.BOM_UTF8 + f"{HEAD}a,家居,\n".encode()

    assert load(tmp_path / "a.csv", content) == (1, 1)
    assert Category.objects.get().name == "家居"


def test_blanks_around_cells_and_blank_rows_do_not_count(tmp_path: Path) -> None:
    content = "\tname , code\r\n\r\n , \r\n  A  ,\u3000a \r\n,,,\r\n"

    assert load(tmp_path / "a.csv", content) == (1, 1)
    assert Category.objects.values_list("code", "name").get() == ("a", "A")


def test_row_numbers_count_blank_rows_as_a_spreadsheet_does(tmp_path: Path) -> None:
    with faults_expected() as faults:
        load(tmp_path / "a.csv", f'{HEAD}\n\na,"two\nlines",\nb b,B,\n')

    assert faults == [(4, "name", "string_invalid"), (5, "code", "string_invalid")]


def test_workbook_reads_as_its_cells_show(tmp_path: Path, world: World) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["sku", "name", "category", "sale_price", "cost_price", "barcode", None])
    sheet.append([1001, date(2026, 1, 31), "home", 19.99 * 3, 5, 6901234567892.0])
    sheet.append([None, None])
    sheet.append(["B", True, "home", "12.5", None, datetime(2026, 1, 31, 8)])  # noqa: DTZ001 - as in a cell
    book.save(tmp_path / "products.csv")

    report = import_file(resource="products", file=tmp_path / "products.csv", actor="operator")

    assert (report.rows, report.created) == (2, 2)
    assert list(
        Sku.objects.order_by("code").values_list("code", "name", "barcode", "sale_price")
    ) == [
        ("1001", "2026-01-31", "6901234567892", Sku.objects.get(code="1001").sale_price),
        ("B", "true", "2026-01-31 08:00:00", Sku.objects.get(code="B").sale_price),
    ]
    assert [f"{sku.sale_price}" for sku in Sku.objects.order_by("code")] == ["59.97", "12.50"]


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (f"{HEAD}a,A,\nb,家居用品,\n".encode("gbk"), 3),
        (f"{HEAD}a,A,\n".encode("utf-16"), 1),
        (f"{HEAD}a,".encode() + b"\xe5\xae", 2),
        (f'{HEAD}a,"A,\n'.encode(), 2),
        (f'{HEAD}a,"A"B,\n'.encode(), 2),
        (f"{HEAD}a,{'x' * 140_000},\n".encode(), 2),
        (b"PK\x03\x04 and no archive", 1),
        (b"", 1),
        (b"\n", 1),
    ],
)
def test_refused_when_the_file_cannot_be_read(tmp_path: Path, content: bytes, row: int) -> None:
    with faults_expected() as faults:
        load(tmp_path / "a.csv", content)

    assert faults == [(row, "", "file_invalid")]
    assert not Category.objects.exists()


def test_refused_when_columns_are_unknown_missing_or_repeated(tmp_path: Path) -> None:
    with faults_expected() as faults:
        load(tmp_path / "a.csv", "code,Name,parent,parent\na,A,,\n")

    assert faults == [
        (1, "Name", "unknown_field"),
        (1, "parent", "field_invalid"),
        (1, "name", "field_required"),
    ]


def test_refused_when_a_row_is_longer_than_the_head(tmp_path: Path) -> None:
    with faults_expected() as faults:
        load(tmp_path / "a.csv", "code,name\na,A\nb,B,b\n")

    assert faults == [(3, "", "file_invalid")]
    assert not Category.objects.exists()


def test_cells_missing_at_the_end_of_a_row_are_blank(tmp_path: Path) -> None:
    assert load(tmp_path / "a.csv", f"{HEAD}a,A\n") == (1, 1)


def test_first_thousand_faults_are_shown_and_all_are_counted(tmp_path: Path) -> None:
    rows = "".join(f"bad code {number},\n" for number in range(1200))

    with pytest.raises(ImportRefused) as refused:
        load(tmp_path / "a.csv", HEAD + rows)

    assert len(refused.value.row_faults) == MAX_SHOWN
    assert refused.value.fault_count == 2400
    assert refused.value.row_faults[0].row == 2


def test_nothing_is_written_when_a_late_row_is_at_fault(tmp_path: Path) -> None:
    rows = "".join(f"c{number},C,\n" for number in range(1500))

    with faults_expected() as faults:
        load(tmp_path / "a.csv", f"{HEAD}{rows}bad code,C,\n")

    assert faults == [(1502, "code", "string_invalid")]
    assert not Category.objects.exists()


def test_dry_run_tells_the_same_and_writes_nothing(desk: Desk) -> None:
    row = {"code": "a", "name": "A"}

    dry = desk.load("categories", row, dry_run=True)
    wet = desk.load("categories", row)

    assert (dry.is_dry_run, dry.rows, dry.created) == (True, 1, 1)
    assert (wet.is_dry_run, wet.rows, wet.created) == (False, 1, 1)


def test_progress_is_told_chunk_by_chunk(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(HEAD + "".join(f"c{number},C,\n" for number in range(1500)))
    told: list[int] = []

    import_file(resource="categories", file=file, actor="operator", on_progress=told.append)

    assert told == [1000, 1500]


def test_import_may_take_longer_than_a_request(desk: Desk) -> None:
    desk.load("categories", {"code": "a", "name": "A"})

    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_stamp_is_of_the_passed_in_clock(tmp_path: Path, world: World) -> None:
    moment = datetime(2031, 5, 1, tzinfo=UTC)
    file = tmp_path / "a.csv"
    file.write_text("sku,name,category,sale_price\nA,A,home,1\n")

    with time_machine.travel(datetime(2030, 1, 1, tzinfo=UTC)):
        import_file(resource="products", file=file, actor="operator", now=lambda: moment)

    assert Sku.objects.get().updated_at == moment


def test_unknown_resource_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        import_file(resource="nothing", file=tmp_path / "a.csv", actor="operator")
