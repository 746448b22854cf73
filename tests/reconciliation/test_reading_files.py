"""Merchants' files as they come: read where there is no doubt, else refused row by row."""

from __future__ import annotations

import codecs
import io
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.utils import translation

from openplatform.imports import readers
from openplatform.imports.errors import CellInvalid, ImportRefused
from reconciliation.comparing import reading
from reconciliation.comparing.cells import parse_amount, parse_day, parse_kind, parse_number
from reconciliation.comparing.reading import find_form, read_beginning
from tests.imports.test_workbooks import (
    LITTLE_MEMORY,
    SPEEDY_SECONDS,
    bomb,
    plain_archive,
    with_sheet,
)
from tests.reconciliation.merchant_files import csv_of, read, xlsx_of

CHINESE = ("商户订单号", "业务类型", "金额(元)", "交易时间", "状态")
ROW = ("M-1", "订单支付", "-1,234.50", "2026年10月3日 8:05", "已完成")


def faults(path: Path, content: bytes, **how: Any) -> list[tuple[int, str, str]]:
    with pytest.raises(ImportRefused) as refused:
        read(path, content, **how)
    assert refused.value.fault_count >= len(refused.value.row_faults)
    assert all(fault.text for fault in refused.value.row_faults)
    return [(fault.row, fault.column, fault.code) for fault in refused.value.row_faults]


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [
        ("utf-8", ","), ("utf-8-sig", ","), ("utf-16", "\t"), ("utf-16-le", "\t"),
        ("utf-16-be", ","), ("gb18030", ","), ("gbk", ";"), ("utf-8", "|"),
    ],
)  # fmt: skip
def test_row_is_read_in_every_encoding(tmp_path: Path, encoding: str, delimiter: str) -> None:
    text = csv_of(ROW, head=CHINESE, delimiter=delimiter).decode()

    [row] = read(tmp_path, text.encode(encoding))

    assert (row.row, row.kind, row.merchant_order_no) == (2, "order_payment", "M-1")
    assert row.amount == Decimal("-1234.50")
    assert (row.day, row.at) == (date(2026, 10, 3), "2026年10月3日 8:05")
    assert (row.state, row.status) == ("completed", "已完成")


def test_chinese_utf_16_without_mark_is_told_by_its_zeros(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(csv_of(ROW, head=CHINESE).decode().encode("utf-16-be"))

    assert find_form(file).encoding == "utf-16-be"


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF16_LE + b"a\x00\x00\xd8",  # half of a pair
        b"merchant_order_no,kind,amount\nM\xff\xff,refund,1\n",
        b"a\x00b\x00\x00\x00c",
        codecs.BOM_UTF8 + b"\xc3\x28",
        "商户订单号,业务类型,金额\n\ue000,退款,1\n".encode("gb18030"),  # no one writes that
    ],
    ids=["utf-16", "no encoding", "zeros", "utf-8", "private use"],
)
def test_file_is_refused_when_it_is_no_text(tmp_path: Path, content: bytes) -> None:
    found = faults(tmp_path, content)

    assert found[0][2] == "file_invalid"


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("12", "12.00"), ("-12.5", "-12.50"), ("+12.50", "12.50"), ("12.500", "12.50"),
        ("1,234.50", "1234.50"), ("1,234", "1234.00"), ("-1,234,567.89", "-1234567.89"),
        ("1 234.50", "1234.50"), ("1\u00a0234.50", "1234.50"),
        ("１，２３４．５０", "1234.50"), ("－１２．５０", "-12.50"), ("−12.50", "-12.50"),
        ("¥12.50", "12.50"), ("￥-12.50", "-12.50"), ("-¥ 12.50", "-12.50"),
        ("CNY 12.50", "12.50"), ("12.50元", "12.50"), ("-12.50 RMB", "-12.50"),
        ("(12.50)", "-12.50"), ("（¥1,234.50）", "-1234.50"), ("12.50-", "-12.50"),
        ("'-12.50", "-12.50"), ("0", "0.00"), ("999999999999.99", "999999999999.99"),
    ],
)  # fmt: skip
def test_amount_is_read(text: str, amount: str) -> None:
    assert str(parse_amount(text)) == amount


@pytest.mark.parametrize(
    "text",
    [
        "12.345", "1.234,50", "12,50", "1,23", "1,234,56", "1234,567.00", "1E3", "12.5.0", "--5",
        "-5-", "(-5)", "()", "-", "abc", "1_000", "12 34", "1,234 567", "¥", "¥¥5", "５O",
        "9999999999999", "NaN", "=1+1", "十二",
    ],
)  # fmt: skip
def test_amount_is_refused_when_it_is_in_doubt(text: str) -> None:
    with pytest.raises(CellInvalid):
        parse_amount(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-03", "2026-10-3 08:05", "2026/10/3", "2026/10/03 08:05:09", "2026.10.03",
        "20261003", "20261003080509", "202610030805", "2026年10月3日", "2026年10月3日 8时5分9秒",
        "2026-10-03T08:05:09.123456+08:00", "2026-10-02T23:30:00Z", "２０２６－１０－０３",
    ],
)  # fmt: skip
def test_day_is_read(text: str) -> None:
    assert parse_day(text) == date(2026, 10, 3)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("25/10/2026", date(2026, 10, 25)), ("10/25/2026 23:59", date(2026, 10, 25)),
        ("25.10.2026", date(2026, 10, 25)), ("10/10/2026", date(2026, 10, 10)),
    ],
)  # fmt: skip
def test_day_in_front_of_the_year_is_read_when_there_is_one_reading(text: str, day: date) -> None:
    assert parse_day(text) == day


@pytest.mark.parametrize(
    "text",
    [
        "03/10/2026", "3.10.2026", "2026-13-01", "2026-02-30", "2026-10", "46298", "3 Oct 2026",
        "2026-10-03 25:00", "1999-12-31", "2026-10-03 08:05 PM", "13/13/2026",
    ],
)  # fmt: skip
def test_day_is_refused_when_it_is_in_doubt(text: str) -> None:
    with pytest.raises(CellInvalid):
        parse_day(text)


def test_kinds_are_read_in_both_languages() -> None:
    assert [parse_kind(text) for text in ("Top-up".replace("-", "_"), "充值", "Order Payment",
                                          "退款", "调账", "提现")] == [
        "top_up", "top_up", "order_payment", "refund", "adjustment", "withdrawal",
    ]  # fmt: skip
    with pytest.raises(CellInvalid):
        parse_kind("佣金")


@pytest.mark.parametrize("text", ["1.23457E+17", "1e17", "M\u200b1", "x" * 65])
def test_number_is_refused_when_it_is_no_longer_what_was_meant(text: str) -> None:
    with pytest.raises(CellInvalid):
        parse_number(text)


def test_every_fault_of_every_row_is_told(tmp_path: Path) -> None:
    content = csv_of(
        ("M-1", "order_payment", "-10.00", "2026-10-03"),
        ("", "refund", "1,5", "03/10/2026"),
        ("M-3", "commission", "", "2026-10-03"),
        ("1.2E+17", "refund", "5", "2026-10-03", "half done"),
    )

    assert faults(tmp_path, content) == [
        (3, "merchant_order_no", "field_required"),
        (3, "amount", "field_invalid"),
        (3, "at", "field_invalid"),
        (4, "kind", "field_invalid"),
        (4, "amount", "field_required"),
        (5, "merchant_order_no", "field_invalid"),
        (5, "status", "field_invalid"),
    ]


def test_blank_rows_and_totals_are_no_movements(tmp_path: Path) -> None:
    content = csv_of(
        ("M-1", "refund", "10"), (), ("合计", "", "10.00"), ("Total:", "", "10.00"),
        ("M-2", "refund", "1"),
    )  # fmt: skip

    assert [(row.row, row.merchant_order_no) for row in read(tmp_path, content)] == [
        (2, "M-1"), (6, "M-2"),
    ]  # fmt: skip


def test_head_is_found_below_titles(tmp_path: Path) -> None:
    content = "2026年10月对账单,,\r\n,,\r\n".encode() + csv_of(ROW, head=CHINESE)

    [row] = read(tmp_path, content)

    assert row.row == 4


def test_own_name_counts_before_a_vague_one(tmp_path: Path) -> None:
    content = csv_of(
        ("P-9", "M-1", "refund", "5"), head=("order_no", "merchant_order_no", "kind", "amount")
    )

    [row] = read(tmp_path, content)

    assert row.merchant_order_no == "M-1"


@pytest.mark.parametrize(
    ("head", "column"),
    [
        (("订单号", "类型", "金额", "金额"), "金额"),
        (("订单号", "类型", "金额", "发生额"), "金额"),
        (("订单号", "订单编号", "类型", "金额"), "订单号"),
    ],
)
def test_head_is_refused_when_two_columns_may_be_one(
    tmp_path: Path, head: tuple[str, ...], column: str
) -> None:
    content = csv_of(("M-1", "退款", "5", "5"), head=head)

    assert faults(tmp_path, content) == [(1, column, "field_invalid")]


def test_name_that_stands_twice_matters_only_where_it_is_used(tmp_path: Path) -> None:
    content = csv_of(
        ("M-1", "退款", "5", "a", "b"), head=("订单号", "类型", "金额", "备注", "备注")
    )

    assert [row.amount for row in read(tmp_path, content)] == [Decimal(5)]
    columns = {"merchant_order_no": "备注", "kind": "类型", "amount": "金额"}
    assert faults(tmp_path, content, given=columns) == [(1, "备注", "field_invalid")]


def test_mapping_counts_before_names(tmp_path: Path) -> None:
    content = csv_of(
        ("x", "M-1", "退款", "5", "??"), head=("订单号", "我方编号", "类型", "金额", "状态")
    )
    columns = {"merchant_order_no": "我方编号", "kind": "类型", "amount": "金额"}

    [row] = read(tmp_path, content, given=columns)

    assert (row.merchant_order_no, row.status) == ("M-1", "")  # the state was left out


def test_mapping_without_all_fields_is_filled_up_by_names(tmp_path: Path) -> None:
    content = csv_of(("M-1", "退款", "5"), head=("我方编号", "类型", "金额"))

    [row] = read(tmp_path, content, given={"merchant_order_no": "我方编号"})

    assert (row.merchant_order_no, row.kind, row.amount) == ("M-1", "refund", Decimal(5))


def test_remembered_mapping_counts_for_a_head_just_like_it(tmp_path: Path) -> None:
    head = ("a", "b", "c")
    content = csv_of(("M-1", "refund", "5"), head=head)
    columns = {"merchant_order_no": "a", "kind": "b", "amount": "c"}

    [row] = read(tmp_path, content, remembered={head: columns})

    assert row.merchant_order_no == "M-1"
    assert faults(tmp_path, content, remembered={("a", "b"): columns}) == [
        (1, "", "field_required")
    ]


def test_file_without_a_head_is_refused(tmp_path: Path) -> None:
    assert faults(tmp_path, b"1,2,3\n4,5,6\n") == [(1, "", "field_required")]
    assert faults(tmp_path, csv_of(), given={
        "merchant_order_no": "x", "kind": "y", "amount": "z",
    }) == [(1, "", "field_required")]  # fmt: skip


def test_workbook_is_read_with_real_dates_and_numbers(tmp_path: Path) -> None:
    content = xlsx_of(
        ["对账单"],
        ["商户订单号", "类型", "金额", "时间"],
        ["M-1", "退款", 59.97, datetime(2026, 10, 3, 8, 5, tzinfo=UTC).replace(tzinfo=None)],
        [10023, "订单支付", -0.1, date(2026, 10, 4)],
    )

    rows = read(tmp_path, content)

    assert [(row.row, row.merchant_order_no, str(row.amount), row.day) for row in rows] == [
        (3, "M-1", "59.97", date(2026, 10, 3)), (4, "10023", "-0.10", date(2026, 10, 4)),
    ]  # fmt: skip


def test_number_of_too_many_digits_is_refused_in_a_workbook(tmp_path: Path) -> None:
    content = xlsx_of(["订单号", "类型", "金额"], [1.2345678901234567e19, "退款", 5])

    assert faults(tmp_path, content) == [(2, "订单号", "field_invalid")]


def test_merged_order_number_is_of_all_its_rows(tmp_path: Path) -> None:
    content = xlsx_of(
        ["对账单", None, None],
        ["订单号", "类型", "金额"],
        ["M-1", "退款", 5],
        [None, None, 6],
        ["M-2", "退款", 7],
        merged=["A1:C1", "A3:A4", "B3:B4"],
    )

    rows = read(tmp_path, content)

    assert [(row.row, row.merchant_order_no, str(row.amount)) for row in rows] == [
        (3, "M-1", "5.00"), (4, "M-1", "6.00"), (5, "M-2", "7.00"),
    ]  # fmt: skip


def test_merged_amount_is_refused(tmp_path: Path) -> None:
    content = xlsx_of(
        ["订单号", "类型", "金额"], ["M-1", "退款", 5], ["M-2", "退款", None],
        merged=["C2:C3"],
    )  # fmt: skip

    assert faults(tmp_path, content) == [(3, "金额", "field_invalid")]


def test_file_is_refused_when_it_has_a_row_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 3)  # tests/prove takes two hundred thousand
    rows = [("M-1", "refund", "5")] * 4

    assert len(read(tmp_path, csv_of(*rows[:3]))) == 3
    assert faults(tmp_path, csv_of(*rows)) == [(5, "", "file_invalid")]


def merged_everywhere() -> bytes:
    """A good sheet with ranges to the end of the last column, many times over."""
    ranges = "".join(f'<mergeCell ref="XFD{row}:XFD1048576"/>' for row in range(1, 20_000))
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        + "<row/>" * 1000
        + f"</sheetData><mergeCells>{ranges}</mergeCells></worksheet>"
    )
    return with_sheet(sheet.encode())


@pytest.mark.parametrize("content", [bomb, plain_archive, merged_everywhere])
def test_workbook_is_refused_in_time_when_it_means_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Callable[[], bytes]
) -> None:
    monkeypatch.setattr(readers, "MEMORY", LITTLE_MEMORY)
    started = time.monotonic()

    found = faults(tmp_path, content())

    assert [(column, code) for _row, column, code in found] in (
        [("", "file_invalid")], [("", "field_required")],
    )  # fmt: skip
    assert time.monotonic() - started < SPEEDY_SECONDS


def test_beginning_is_shown_as_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(csv_of(ROW, head=CHINESE).decode().encode("gb18030"))

    assert read_beginning(file, count=1) == [(1, list(CHINESE))]


def sheets_of(*sheets: Any) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"S{number}")
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


GOOD = [["订单号", "类型", "金额"], ["M-1", "退款", 5]]


@pytest.mark.parametrize("above", [[], [["对账单"]], [["x", "y"]] * 60])
def test_sheet_is_the_first_whose_columns_are_known(tmp_path: Path, above: list[list[Any]]) -> None:
    other = [["订单号", "类型", "金额"], ["M-9", "退款", 9]]

    rows = read(tmp_path, sheets_of(above, GOOD, other))

    assert [(row.row, row.merchant_order_no) for row in rows] == [(2, "M-1")]


def test_sheet_is_the_first_that_has_the_columns_that_were_given(tmp_path: Path) -> None:
    columns = {"merchant_order_no": "Nr", "kind": "What", "amount": "Sum"}

    rows = read(
        tmp_path,
        sheets_of(GOOD, [["Nr", "What", "Sum"], ["M-7", "refund", 7], []]),
        given=columns,
    )

    assert [row.merchant_order_no for row in rows] == ["M-7"]


def test_first_sheet_is_told_when_no_sheet_has_the_columns(tmp_path: Path) -> None:
    assert faults(tmp_path, sheets_of([["a"]], [["b"]])) == [(1, "", "field_required")]


def test_refused_when_all_sheets_together_are_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = sheets_of(*[[["x" * 30_000] * 4] * 20] * 5, GOOD)
    file = tmp_path / "file"
    file.write_bytes(content)
    bounds = readers.Bounds(unpacked=13_000_000)
    assert sum(1 for _row in readers.read_rows(file, bounds=bounds)) == 20

    with pytest.raises(ImportRefused) as refused:
        list(readers.read_rows(file, bounds=readers.Bounds(unpacked=9_000_000), all_sheets=True))

    assert refused.value.row_faults[0].code == "file_invalid"
    assert sum(1 for _row in readers.read_rows(file, bounds=bounds, all_sheets=True)) == 102


def test_formula_that_was_never_computed_is_told(tmp_path: Path) -> None:
    content = xlsx_of(
        ["订单号", "类型", "金额", "备注"],
        ["M-1", "退款", "=2+3", "=A2"],
        [None, None, None, "=A2"],
        ["M-2", "退款", 5, "=A2"],
        ["合计", None, "=SUM(C2:C4)", None],
    )

    with translation.override("en"), pytest.raises(ImportRefused) as refused:
        read(tmp_path, content)

    [fault] = refused.value.row_faults
    assert (fault.row, fault.column, fault.code) == (2, "金额", "field_invalid")
    assert fault.text.startswith("The cell has a formula without a stored value")


def test_text_in_no_encoding_is_not_taken_for_gbk(tmp_path: Path) -> None:
    with translation.override("en"), pytest.raises(ImportRefused) as refused:
        read(tmp_path, b"merchant_order_no,kind,amount\nM\xff\xff,refund,1\n")

    [fault] = refused.value.row_faults
    assert (fault.row, fault.text) == (
        2, "The file is text neither in UTF-8 nor in GB 18030; save it as “CSV UTF-8”",
    )  # fmt: skip


def test_freight_is_a_part_of_a_payment_in_our_own_files_alone(tmp_path: Path) -> None:
    content = csv_of(("M-1", "运费", "-8.00"), head=CHINESE[:3])

    assert faults(tmp_path, content) == [(2, "业务类型", "field_invalid")]
