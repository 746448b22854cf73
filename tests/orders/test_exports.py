"""What is to be shipped goes out as a file and comes back as shipments."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from openplatform.imports.services.importing import import_file
from orders.exports.to_ship import COLUMNS, list_to_ship, to_csv, to_xlsx
from orders.models import Order, OrderLine, Shipment
from tests.cast import CONSIGNEE, Merchant, World
from tests.imports.files import faults_expected
from tests.orders.acts import pay, place, ship

FORMATS = {"csv": to_csv, "xlsx": to_xlsx}
FORMULAS = ['=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(A1)", "  =1+1", "＝1+1"]


def read(content: bytes, format: str) -> list[dict[str, str]]:
    if format == "csv":
        assert content.startswith(b"\xef\xbb\xbf")
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    [sheet] = openpyxl.load_workbook(io.BytesIO(content)).worksheets
    head, *rows = [[str(cell.value or "") for cell in row] for row in sheet.iter_rows()]
    return [dict(zip(head, row, strict=True)) for row in rows]


def fill_in(content: bytes, format: str, file: Path, **waybills: str) -> Path:
    """The file as a warehouse sends it back: a waybill for some suborders."""
    rows = read(content, format)
    for row in rows:
        waybill_no = waybills.get(row["order_no"].rpartition("-")[2])
        if waybill_no:
            row.update(carrier="sf", waybill_no=waybill_no)
    if format == "csv":
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    else:
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet()
        for cells in (COLUMNS, *(list(row.values()) for row in rows)):
            sheet.append(list(cells))
        book.save(file)
    return file


@pytest.fixture
def order_no(shop: World, merchant: Merchant) -> str:
    """Paid: three N and one N2 from the north, 75 S from the south."""
    shop.make_sku("N", price="1.00", north=100)
    shop.make_sku("N2", price="1.00", north=100)
    shop.make_sku("S", price="1.00", south=100)
    number: str = pay(merchant, items=[("N", 3), ("N2", 1), ("S", 75)], remark="before noon")[
        "order_no"
    ]
    return number


@pytest.mark.parametrize("format", FORMATS)
def test_row_says_what_is_left_and_for_whom(
    shop: World, merchant: Merchant, order_no: str, format: str
) -> None:
    ship(f"{order_no}-1", {1: 2})
    Order.objects.update(paid_at=datetime(2026, 1, 31, 0, 30, tzinfo=UTC))

    rows = read(FORMATS[format](list_to_ship()), format)

    assert [row["order_no"] for row in rows] == [f"{order_no}-1", f"{order_no}-2"]
    assert rows[0] == {
        "order_no": f"{order_no}-1",
        "carrier": "",
        "waybill_no": "",
        "lines": "1:1 2:1",
        "shipped_at": "",
        "warehouse": "north",
        "partner": "acme",
        "merchant_order_no": "M-1",
        "paid_at": "2026-01-31 08:30",
        "goods": "N × 1 商品 N; N2 × 1 商品 N2",
        "consignee": CONSIGNEE["name"],
        "phone": CONSIGNEE["phone"],
        "address": "北京市 北京市 东城区 东长安街 1 号",
        "remark": "before noon",
    }
    # Alone in its cell it would become a time of day.
    assert rows[1]["lines"] == ("'3:75" if format == "csv" else "3:75")


def test_file_holds_what_is_paid_and_not_wholly_shipped(
    shop: World, merchant: Merchant, order_no: str
) -> None:
    place(merchant, "M-2", [("N", 1)])
    gone = pay(merchant, "M-3", [("N", 1)])["order_no"]
    ship(f"{gone}-1")

    numbers = list(list_to_ship().values_list("order_no", flat=True))

    assert numbers == [f"{order_no}-1", f"{order_no}-2"]


@pytest.mark.parametrize("format", FORMATS)
def test_file_ships_what_it_lists_when_it_comes_back(
    tmp_path: Path, order_no: str, format: str
) -> None:
    content = FORMATS[format](list_to_ship())
    file = fill_in(content, format, tmp_path / "back", **{"1": "SF-1", "2": "SF-2"})

    report = import_file(resource="shipments", file=file, actor="operator")
    again = import_file(resource="shipments", file=file, actor="operator")

    assert (report.created, report.unchanged) == (2, 0)
    assert (again.created, again.unchanged) == (0, 2)
    contents = Shipment.objects.order_by("id").values_list("waybill_no", "lines__quantity")
    assert list(contents) == [("SF-1", 3), ("SF-1", 1), ("SF-2", 75)]
    assert Order.objects.get().status == "shipped"
    assert not list_to_ship().exists()


@pytest.mark.parametrize("format", FORMATS)
def test_rows_left_blank_are_left_out_when_the_file_comes_back(
    tmp_path: Path, order_no: str, format: str
) -> None:
    content = FORMATS[format](list_to_ship())
    file = fill_in(content, format, tmp_path / "back", **{"2": "SF-2"})

    report = import_file(resource="shipments", file=file, actor="operator")

    assert (report.rows, report.created, report.unchanged) == (2, 1, 1)
    assert Shipment.objects.get().suborder.order_no == f"{order_no}-2"


def test_row_is_refused_when_only_half_of_it_is_filled_in(tmp_path: Path, order_no: str) -> None:
    file = tmp_path / "back.csv"
    file.write_text(f"order_no,carrier,waybill_no\n{order_no}-1,sf,\n{order_no}-2,,SF-2\n")

    with faults_expected() as faults:
        import_file(resource="shipments", file=file, actor="operator")

    assert faults == [(2, "waybill_no", "field_required"), (3, "carrier", "field_required")]
    assert not Shipment.objects.exists()


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_is_a_formula(
    tmp_path: Path, shop: World, merchant: Merchant, formula: str
) -> None:
    shop.make_sku("A", north=10)
    order_no = pay(merchant)["order_no"]
    Order.objects.update(consignee_name=formula, consignee_address=formula, remark=formula)
    OrderLine.objects.update(name=formula)

    [in_csv] = read(to_csv(list_to_ship()), "csv")
    [in_xlsx] = read(to_xlsx(list_to_ship()), "xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(to_xlsx(list_to_ship()))).worksheets[0]
    file = fill_in(to_csv(list_to_ship()), "csv", tmp_path / "back", **{"1": "SF-1"})

    assert (in_csv["consignee"], in_csv["remark"]) == (f"'{formula}", f"'{formula}")
    assert in_xlsx["consignee"] == formula
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n", "inlineStr"}
    assert {cell.data_type for cell in sheet[2] if cell.value} == {"s"}
    report = import_file(resource="shipments", file=file, actor="operator")
    assert report.created == 1
    assert Order.objects.get(order_no=order_no).status == "shipped"


def test_control_characters_do_not_break_the_workbook(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    pay(merchant)
    Order.objects.update(remark="a\x0bb")

    [row] = read(to_xlsx(list_to_ship()), "xlsx")

    assert row["remark"] == "ab"


def test_number_of_statements_stays_the_same_with_more_rows(
    shop: World, merchant: Merchant, order_no: str, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(2):
        to_csv(list_to_ship())
    for number in range(3):
        pay(merchant, f"M-1{number}", [("N", 1), ("S", 1)])

    with django_assert_num_queries(2):
        content = to_csv(list_to_ship())

    assert len(read(content, "csv")) == 8
