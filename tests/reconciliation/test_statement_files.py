"""The files of a statement: what stands in them, in which form, in both languages."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pikepdf
import pytest
from django.core.files.storage import default_storage
from django.utils import translation

from accounts.models import LedgerEntry
from catalog.models import Sku
from openplatform.core.uploads.storage import sweep_files
from reconciliation.errors import StatementNotReady
from reconciliation.files import pdf_files, writing, xlsx_files
from reconciliation.files.pdf_files import _cut, _runs, _wrapped
from reconciliation.files.rows import COLUMNS, Head, Row, Standing
from reconciliation.files.writing import MadeFile, write_files
from reconciliation.models import Statement, StatementFile
from reconciliation.selectors.statements import get_statement_file, list_statement_files
from tests.accounts.money_moves import add_money
from tests.cast import Merchant, World
from tests.orders.acts import pay
from tests.reconciliation.past import at, make_statement

AT = datetime(2026, 3, 5, 1, 2, 3, 456789, tzinfo=UTC)  # 09:02:03.456789 where the platform is
LOCAL = "2026-03-05T09:02:03.456789+08:00"
ZERO = Standing(Decimal("0.00"), Decimal("0.00"), Decimal("0.00"))
HEAD = Head(
    statement_no="S2604010ABCDEFGHJK",
    partner_code="acme",
    partner_name="上海晨光 Sunrise",
    period_start=date(2026, 3, 1),
    period_end=date(2026, 3, 31),
    currency="CNY",
    opening=ZERO,
    closing=Standing(Decimal("-12345.60"), Decimal("18.00"), Decimal("50000.00")),
    totals={kind.value: Decimal("0.00") for kind in LedgerEntry.Kind},
    entry_count=1,
    made_at=AT,
)
PAYMENT = Row(
    7, AT, "order_payment", "000123456789012345", "261123REQ9HAH8GM", "", None, "", "", None,
    None, None, Decimal("-1234.50"), Decimal("-12345.60"), "", "",
)  # fmt: skip
LINE = Row(
    7, AT, "order_line", "000123456789012345", "261123REQ9HAH8GM", "261123REQ9HAH8GM-1", 1,
    "SKU-1", "有机大米 5 kg", 2, Decimal("613.25"), Decimal("0.0900"), Decimal("-1226.50"), None,
    "", "",
)  # fmt: skip
FREIGHT = Row(
    7, AT, "order_freight", "000123456789012345", "261123REQ9HAH8GM", "261123REQ9HAH8GM-1", None,
    "", "", None, None, None, Decimal("-8.00"), None, "", "",
)  # fmt: skip
# As published lists have them: what a spreadsheet would compute, or run.
FORMULAS = [
    '=HYPERLINK("http://evil.example","click")', "=1+1", "+1+1", "-1+1", "@SUM(1+1)",
    "=cmd|' /C calc'!A0", "  =1+1", "\t=1+1", "＝1+1", '=IMPORTXML("http://e.example","//a")',
]  # fmt: skip


def write(folder: Path, rows: Sequence[Row], head: Head = HEAD) -> dict[tuple[str, str], MadeFile]:
    """Files of these rows by language and format."""
    count, files = write_files(folder, head=head, rows=rows, on_progress=lambda _rows: None)
    assert count == len(rows)
    return {(file.language, file.format): file for file in files}


def read_csv(path: Path) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Head and rows."""
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    empty = lines.index([])
    names = lines[empty + 1]
    return dict(lines[:empty]), [dict(zip(names, row, strict=True)) for row in lines[empty + 2 :]]


def cells_of(path: Path, sheet: str) -> list[list[Any]]:
    return [list(row) for row in openpyxl.load_workbook(path)[sheet].iter_rows(values_only=True)]


def test_csv_has_the_head_then_columns_of_the_contract_then_rows(tmp_path: Path) -> None:
    files = write(tmp_path, [PAYMENT, LINE, FREIGHT])

    head, rows = read_csv(files["en", "csv"].path)

    assert head == {
        "Statement": "S2604010ABCDEFGHJK",
        "Partner": "acme",
        "Name of the partner": "上海晨光 Sunrise",
        "First day": "2026-03-01",
        "Last day": "2026-03-31",
        "Currency": "CNY",
        "Opening balance": "0.00",
        "Top-ups": "0.00",
        "Order payments": "0.00",
        "Refunds": "0.00",
        "Adjustments": "0.00",
        "Withdrawals": "0.00",
        "Closing balance": "-12345.60",
        "Held at the opening": "0.00",
        "Held at the closing": "18.00",
        "Credit line at the opening": "0.00",
        "Credit line at the closing": "50000.00",
        "Entries": "1",
        "Made at": LOCAL,
    }
    assert tuple(rows[0]) == COLUMNS
    order = {"merchant_order_no": "000123456789012345", "order_no": "261123REQ9HAH8GM"}
    nothing = dict.fromkeys(COLUMNS, "")
    assert rows[0] == nothing | order | {
        "entry_no": "7", "at": LOCAL, "kind": "order_payment", "amount": "-1234.50",
        "balance_after": "-12345.60",
    }  # fmt: skip
    assert rows[1] == nothing | order | {
        "entry_no": "7", "at": LOCAL, "kind": "order_line", "suborder_no": "261123REQ9HAH8GM-1",
        "line_no": "1", "sku": "SKU-1", "name": "有机大米 5 kg", "quantity": "2",
        "unit_price": "613.25", "tax_rate": "0.09", "amount": "-1226.50",
    }  # fmt: skip
    assert rows[2] == nothing | order | {
        "entry_no": "7", "at": LOCAL, "kind": "order_freight",
        "suborder_no": "261123REQ9HAH8GM-1", "amount": "-8.00",
    }  # fmt: skip


def test_csv_of_both_languages_has_the_same_rows(tmp_path: Path) -> None:
    files = write(tmp_path, [PAYMENT, LINE, FREIGHT])

    (_head, english), (_kopf, chinese) = (
        read_csv(files[language, "csv"].path) for language in ("en", "zh-hans")
    )

    assert english == chinese


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula_and_numbers_stay_numbers(tmp_path: Path, text: str) -> None:
    top_up = PAYMENT._replace(kind="top_up", merchant_order_no="", note=text)
    rows = [top_up, LINE._replace(merchant_order_no=text, sku=text, name=text)]

    files = write(tmp_path, rows, replace(HEAD, partner_name=text))

    head, (first, second) = read_csv(files["en", "csv"].path)
    assert head["Name of the partner"] == first["note"] == f"'{text}"
    assert second["merchant_order_no"] == second["sku"] == second["name"] == f"'{text}"
    assert (first["amount"], second["amount"]) == ("-1234.50", "-1226.50")
    for sheet in ("Statement", "Entries"):
        for row in openpyxl.load_workbook(files["en", "xlsx"].path)[sheet].iter_rows():
            assert "f" not in {cell.data_type for cell in row}
    assert cells_of(files["en", "xlsx"].path, "Entries")[2][8] == text  # as it is: it is text


def test_workbook_has_codes_as_text_amounts_as_numbers_and_times_as_times(tmp_path: Path) -> None:
    files = write(tmp_path, [PAYMENT, LINE, FREIGHT])

    book = openpyxl.load_workbook(files["en", "xlsx"].path)

    assert book.sheetnames == ["Statement", "Entries"]
    sheet = book["Entries"]
    assert sheet.freeze_panes == "A2"
    captions, payment, line, freight = sheet.iter_rows(values_only=True)
    assert captions == (
        "Entry number", "Time", "Kind", "Merchant's order number", "Order number",
        "Suborder number", "Line number", "SKU", "Name", "Quantity", "Unit price", "Tax rate",
        "Amount", "Balance after", "Claim number", "Note",
    )  # fmt: skip
    moment = payment[1]
    assert isinstance(moment, datetime)
    assert f"{moment:%Y-%m-%d %H:%M:%S}" == "2026-03-05 09:02:03"
    assert payment[:1] + payment[2:14] == (
        "7", "Order payment", "000123456789012345", "261123REQ9HAH8GM", None, None, None, None,
        None, None, None, -1234.5, -12345.6,
    )  # fmt: skip
    assert line[5:13] == (
        "261123REQ9HAH8GM-1", "1", "SKU-1", "有机大米 5 kg", 2, 613.25, 0.09, -1226.5,
    )  # fmt: skip
    assert (freight[2], freight[12], freight[13]) == ("Freight", -8, None)
    assert sheet["M2"].number_format == "#,##0.00"
    assert sheet["L3"].number_format == "0.00%"
    head = dict(cells_of(files["en", "xlsx"].path, "Statement"))
    assert head["Closing balance"] == -12345.6
    assert head["First day"] == datetime(2026, 3, 1)  # noqa: DTZ001 - as the sheet has it
    assert head["Partner"] == "acme"


def test_workbook_goes_on_on_further_sheets_when_one_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx_files, "ROWS_ON_A_SHEET", 2)
    rows = [PAYMENT._replace(entry_no=number) for number in range(1, 6)]

    files = write(tmp_path, rows, replace(HEAD, entry_count=500))

    path = files["en", "xlsx"].path
    assert openpyxl.load_workbook(path).sheetnames == [
        "Statement", "Entries", "Entries 2", "Entries 3",
    ]  # fmt: skip
    assert [row[0] for row in cells_of(path, "Entries 3")] == ["Entry number", "5"]


def test_large_workbook_says_the_same_as_a_small_one(tmp_path: Path) -> None:
    for name in ("small", "large"):
        (tmp_path / name).mkdir()

    small = write(tmp_path / "small", [PAYMENT, LINE])["en", "xlsx"].path
    large = write(tmp_path / "large", [PAYMENT, LINE], replace(HEAD, entry_count=500))[
        "en", "xlsx"
    ].path

    assert cells_of(small, "Entries") == cells_of(large, "Entries")


def texts_of(path: Path) -> list[str]:
    """What a PDF shows in its Latin font, page by page."""
    with pikepdf.open(path) as document:
        return [
            "\n".join(
                str(instruction.operands[0])
                for instruction in pikepdf.parse_content_stream(page)
                if str(instruction.operator) == "Tj"
            )
            for page in document.pages
        ]


def test_pdf_has_totals_rows_and_numbered_pages(tmp_path: Path) -> None:
    files = write(tmp_path, [PAYMENT, LINE, FREIGHT] * 40)

    pages = texts_of(files["en", "pdf"].path)

    assert len(pages) > 2
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert "Balance after" in page
    for text in ("Statement", "2026-03-01", "Opening balance", "-12,345.60", "50,000.00"):
        assert text in pages[0]
    assert sum(page.count("-1,234.50") for page in pages) == 40
    assert pages[-1].count("Closing balance") == 1


def test_pdf_has_totals_and_a_note_when_there_are_too_many_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MAX_ROWS", 2)

    files = write(tmp_path, [PAYMENT, LINE, FREIGHT])

    (page,) = texts_of(files["en", "pdf"].path)
    assert "-12,345.60" in page
    assert "3 rows are too many to be read on paper" in page
    assert "-1,234.50" not in page


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("plain", [(pdf_files.LATIN, "plain")]),
        ("大米 5 kg", [(pdf_files.CHINESE, "大米"), (pdf_files.LATIN, " 5 kg")]),
        ("Café – 50 €", [(pdf_files.LATIN, "Café – 50 €")]),
        ("茶\u202e\x00😀", [(pdf_files.CHINESE, "茶〓〓〓")]),
        ("a\u3000\tb", [(pdf_files.LATIN, "a  b")]),
    ],
)
def test_pdf_draws_what_its_fonts_have(text: str, drawn: list[tuple[str, str]]) -> None:
    pdf_files._register_fonts()

    assert _runs(text) == drawn


def test_long_texts_are_divided_and_cut() -> None:
    pdf_files._register_fonts()

    assert _cut("W" * 64, 40) == "WWWW…"
    assert _wrapped("one two three four", 40, most=2) == ["one two", "three four"]
    assert _wrapped("春茶礼盒，限量", 33, most=2) == ["春茶礼", "盒，限量"]
    assert _wrapped("", 40, most=2) == []


def test_names_of_heads_are_in_the_language_of_the_file(tmp_path: Path) -> None:
    files = write(tmp_path, [PAYMENT])

    with translation.override("zh-hans"):
        expected = [str(name) for name, _value in HEAD.lines()]
        captions = cells_of(files["zh-hans", "xlsx"].path, translation.gettext("Statement"))
    assert [row[0] for row in captions] == expected
    assert list(read_csv(files["zh-hans", "csv"].path)[0]) == expected


def test_digest_and_size_are_those_of_the_stored_file(merchant: Merchant, shop: World) -> None:
    shop.make_sku("A", price="10.00", north=5)
    at(merchant.partner, "2026-03-01 09:00")
    pay(merchant)
    at(merchant.partner, "2026-03-02 09:00")

    statement = make_statement(merchant.partner, "2026-03-01", "2026-03-31")

    for file in statement.files.all():
        with default_storage.open(file.file) as stored:
            content = stored.read()
        assert hashlib.sha256(content).hexdigest() == file.sha256
        assert len(content) == file.size_bytes
        assert file.file.startswith("statements/")


def test_file_keeps_what_stood_in_the_order_when_names_change(
    merchant: Merchant, shop: World
) -> None:
    sku = shop.make_sku("A", price="10.00", north=5, name="old name")
    at(merchant.partner, "2026-03-01 09:00")
    pay(merchant)
    add_money(merchant.partner, "3.00", "T-1", note="=2+5")
    at(merchant.partner, "2026-03-02 09:00")
    Sku.objects.filter(pk=sku.pk).update(name="new name", sale_price=99)

    statement = make_statement(merchant.partner, "2026-03-02", "2026-03-02")

    file = get_statement_file(statement, "csv", "en")
    _head, rows = read_csv(Path(default_storage.path(file.file)))
    assert [row["kind"] for row in rows] == [
        "order_payment", "order_line", "order_freight", "top_up",
    ]  # fmt: skip
    assert (rows[1]["name"], rows[1]["unit_price"]) == ("old name", "10.00")
    assert rows[0]["merchant_order_no"] == rows[1]["merchant_order_no"] == "M-1"
    assert rows[3]["note"].startswith("'=")


@pytest.mark.parametrize("status", ["preparing", "failed"])
def test_no_file_is_given_when_the_statement_is_not_ready(db: None, status: str) -> None:
    with pytest.raises(StatementNotReady) as refused:
        get_statement_file(Statement(status=status), "csv", "en")

    assert refused.value.facts == {"status": status}


def test_files_of_statements_are_not_swept(merchant: Merchant) -> None:
    at(merchant.partner, "2026-03-01 09:00")
    statement = make_statement(merchant.partner, "2026-03-01", "2026-03-31")
    names = list(statement.files.values_list("file", flat=True))

    assert set(list_statement_files([*names, "statements/2026/03/OTHER.csv"])) == set(names)
    sweep_files()
    assert all(default_storage.exists(name) for name in names)
    assert StatementFile.objects.count() == 6
