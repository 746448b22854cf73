from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
import time_machine
from django.test import Client

from aftersales.admin import figures
from aftersales.admin.refund_chart import draw_refunds
from aftersales.forms.figures import last_days
from aftersales.selectors.figures import RefundDay
from aftersales.states import ClaimStatus
from catalog.models import Sku
from openplatform.audit.models import AuditEntry
from orders.models import Order
from tests.aftersales.claim_rows import Part, lines_of, make_reason, write_claim
from tests.backoffice.conftest import Staff
from tests.backoffice.pages import csv_of
from tests.cast import Merchant, World
from tests.orders.acts import pay

URL = "/admin/aftersales/claim/figures/"
NOW = datetime(2026, 3, 20, 4, tzinfo=UTC)
MARCH = {"first": "2026-03-01", "last": "2026-03-20"}


@pytest.fixture
def refunded(shop: World, merchant: Merchant) -> None:
    """A claim on two of ten units, decided after three hours and refunded with freight."""
    shop.make_sku("A", north=50)
    Sku.objects.update(name='=HYPERLINK("https://evil.example")')
    order = pay(merchant, items=[("A", 10)])
    Order.objects.update(paid_at=NOW - timedelta(days=9))
    claim = write_claim(
        [Part(lines_of(order)[0], 2, "1234.50")],
        status=ClaimStatus.REFUNDED,
        reason=make_reason("damaged", "运输破损", name_en="Damaged on the way"),
        freight="3.50",
        created_at=NOW - timedelta(days=8),
        decided_after=timedelta(hours=3),
        ended_after=timedelta(hours=3),
    )
    claim.lines.update(approved_quantity=2, accepted_quantity=2)
    write_claim([Part(lines_of(order)[0], 1)], created_at=NOW - timedelta(days=2))


def text_of(response: Any) -> str:
    return str(response.content.decode())


def table_of(response: Any, name: str) -> list[list[str]]:
    [table] = [table for table in response.context["tables"] if table.name == name]
    return [[text for text, _is_number in row] for row in table.rows]


def test_page_tells_rates_times_and_refunds_when_there_are_some(
    refunded: None, boss: Client
) -> None:
    with time_machine.travel(NOW):
        response = boss.get(URL, MARCH, headers={"Accept-Language": "en"})

    assert response.status_code == 200
    assert [(card.title, card.value) for card in response.context["cards"]] == [
        ("Claims filed", "2"),
        ("Claim rate", "30.00%"),
        ("Refunded", "1,238.00"),
        ("Time to decide", "3.0 h"),
        ("Open now", "1"),
    ]
    assert table_of(response, "reason") == [
        ["damaged", "Damaged on the way", "2", "3", "10", "30.00%", "2", "20.00%", "1,234.50"]
    ]
    assert table_of(response, "times") == [
        ["Filed until decided by people", "1", "3.0", "3.0", "3.0", "100.00%"],
        ["Filed until refunded, without a return", "1", "3.0", "3.0", "3.0", "100.00%"],
    ]
    assert table_of(response, "open") == [
        ["Submitted", "1", "0", "0", "1", "0", "0", "2026-03-18 12:00"]
    ]
    page = text_of(response)
    assert "=HYPERLINK(&quot;https://evil.example&quot;)" in page
    assert "2026-03-12 · 1,238.00 (1 claim) · Goods 1,234.50 · Freight 3.50" in page
    assert page.count('<rect class="goods"') == 20


def test_page_asks_for_the_last_thirty_days_when_nobody_names_some(
    refunded: None, boss: Client
) -> None:
    with time_machine.travel(NOW):
        response = boss.get(URL)

    assert response.context["form"].data["first"] == "2026-02-19"
    assert response.context["form"].data["last"] == "2026-03-20"
    assert [len(response.context["chart"].bars), response.context["is_refunded"]] == [30, True]


def test_page_says_that_there_is_nothing_when_there_is_nothing(boss: Client) -> None:
    response = boss.get(URL, headers={"Accept-Language": "en"})

    page = text_of(response)
    assert response.status_code == 200
    assert "Nothing was refunded in these days." in page
    assert "No claim was decided in this period" in page
    assert page.count("There is nothing to tell.") == 6
    assert "<svg" not in page


def test_page_speaks_chinese_when_the_reader_does(refunded: None, boss: Client) -> None:
    with time_machine.travel(NOW):
        response = boss.get(URL, MARCH, headers={"Accept-Language": "zh-hans"})

    assert [row[1] for row in table_of(response, "reason")] == ["运输破损"]


def test_only_one_merchant_counts_when_it_is_chosen(
    refunded: None, boss: Client, stranger: Merchant
) -> None:
    own = boss.get(URL, {**MARCH, "partner": "acme"})
    others = boss.get(URL, {**MARCH, "partner": "stranger"})

    assert (own.context["cards"][0].value, others.context["cards"][0].value) == ("2", "0")
    assert "partner=acme" in own.context["workbook"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"first": "2026-03-20", "last": "2026-03-01"}, "last"),
        ({"first": "2025-03-01", "last": "2026-03-02"}, "last"),
        ({"first": "0001-01-01", "last": "2026-03-02"}, "first"),
        ({"first": "2026-03-01", "last": "9999-12-31"}, "last"),
        ({"first": "x", "last": "2026-03-01"}, "first"),
        ({"first": "", "last": "2026-03-01"}, "first"),
        ({"partner": "nobody"}, "partner"),
        ({"partner": "a\x00"}, "partner"),
    ],
)
def test_page_tells_the_fault_and_nothing_else_when_the_question_is_wrong(
    boss: Client, asked: dict[str, str], field: str
) -> None:
    response = boss.get(URL, asked)

    assert response.status_code == 200
    assert list(response.context["form"].errors) == [field]
    assert "cards" not in response.context
    assert "cards" not in boss.get(URL, {**asked, "file": "xlsx"}).context


@pytest.mark.parametrize("days", [1, 366])
def test_a_period_may_have_so_many_days(boss: Client, days: int) -> None:
    last = date(2026, 3, 20)
    first = last - timedelta(days=days - 1)

    response = boss.get(URL, {"first": first.isoformat(), "last": last.isoformat()})

    assert len(response.context["chart"].bars) == days


def test_csv_has_the_rates_and_no_formula_when_it_is_asked_for(
    refunded: None, boss: Client
) -> None:
    response = boss.get(
        URL, {**MARCH, "file": "csv", "table": "sku"}, headers={"Accept-Language": "en"}
    )

    assert csv_of(response) == [
        [
            "Code", "Name", "Claims", "Units claimed", "Units paid for", "Claim rate",
            "Units refunded", "Refund rate", "Refund of goods",
        ],
        ["A", "'=HYPERLINK(\"https://evil.example\")", "2", "3", "10", "0.3000", "2", "0.2000",
         "1234.50"],
    ]  # fmt: skip
    assert response.content.startswith(b"\xef\xbb\xbf")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == (
        'attachment; filename="claims-sku-20260301-20260320.csv"'
    )
    assert "no-store" in response["Cache-Control"]


def test_csv_has_every_day_when_refunds_are_asked_for(refunded: None, boss: Client) -> None:
    rows = csv_of(boss.get(URL, {**MARCH, "file": "csv", "table": "refunds"}))

    assert len(rows) == 21
    assert rows[12] == ["2026-03-12", "1", "1234.50", "3.50", "1238.00"]
    assert rows[13] == ["2026-03-13", "0", "0.00", "0.00", "0.00"]


def test_workbook_has_all_tables_with_numbers_as_numbers(refunded: None, boss: Client) -> None:
    response = boss.get(URL, {**MARCH, "file": "xlsx"}, headers={"Accept-Language": "en"})

    book = openpyxl.load_workbook(io.BytesIO(response.content))
    assert book.sheetnames == [
        "By SKU",
        "By reason",
        "By merchant",
        "By warehouse",
        "Time taken",
        "Open now",
        "Refunds by day",
    ]
    code, name, _claims, units, _bought, rate, *_rest, amount = book["By SKU"][2]
    assert (code.value, units.value, rate.value, amount.value) == ("A", 3, 0.3, 1234.5)
    assert (name.value, name.data_type) == ('=HYPERLINK("https://evil.example")', "s")
    assert (rate.number_format, amount.number_format) == ("0.00%", "#,##0.00")
    assert book["Refunds by day"]["A13"].value == datetime(2026, 3, 12)  # noqa: DTZ001 - of a sheet
    assert book["Open now"]["H2"].value == datetime(2026, 3, 18, 12)  # noqa: DTZ001 - of a sheet


def test_the_trail_says_who_took_a_file(refunded: None, boss: Client) -> None:
    boss.get(URL, MARCH)
    boss.get(URL, {**MARCH, "file": "xlsx"})

    [entry] = AuditEntry.objects.filter(action="export_claim_figures")
    assert (entry.actor, entry.subject_label) == ("boss", "claims-all-20260301-20260320.xlsx")


@pytest.mark.parametrize(
    "asked", [{"file": "pdf"}, {"file": "csv"}, {"file": "csv", "table": "../etc"}]
)
def test_there_is_no_such_file(boss: Client, asked: dict[str, str]) -> None:
    assert boss.get(URL, {**MARCH, **asked}).status_code == 404
    assert not AuditEntry.objects.filter(action="export_claim_figures").exists()


def test_a_cut_table_says_so_and_its_file_has_the_rest(
    shop: World, merchant: Merchant, boss: Client
) -> None:
    codes = [f"K-{number:02}" for number in range(21)]
    for code in codes:
        shop.make_sku(code, north=9)
    lines = lines_of(pay(merchant, items=[(code, 1) for code in codes]))
    write_claim([Part(line) for line in lines])

    page = boss.get(URL)
    rows = csv_of(boss.get(URL, {"file": "csv", "table": "sku"}))

    assert len(table_of(page, "sku")) == 20
    assert [table.name for table in page.context["tables"] if table.is_cut] == ["sku"]
    assert [row[0] for row in rows[1:]] == codes


@pytest.mark.parametrize("file", ["", "xlsx"])
def test_page_asks_for_fewer_days_when_there_is_too_much_to_count(
    boss: Client, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    monkeypatch.setattr(figures, "PATIENCE", "SET LOCAL statement_timeout = '1ms'")

    response = boss.get(URL, {**MARCH, **({"file": file} if file else {})})

    assert response.status_code == 200
    assert response.context["form"].non_field_errors() == [
        "That is too much to count at once; ask for fewer days"
    ]
    assert "cards" not in response.context


def test_page_is_refused_when_one_may_not_see_claims(staff: Staff) -> None:
    may_not = staff("orders.view_order", username="olive")
    may = staff("aftersales.view_claim", username="rita")

    assert may_not.get(URL).status_code == 403
    assert may.get(URL).status_code == 200
    assert Client().get(URL).status_code == 302


# The chart


def days_of(*amounts: str, freight: str = "0.00") -> list[RefundDay]:
    first = last_days(1).first
    return [
        RefundDay(first + timedelta(days=number), 1, Decimal(amount), Decimal(freight))
        for number, amount in enumerate(amounts)
    ]


@pytest.mark.parametrize(
    ("highest", "lines"),
    [
        ("0.00", ["0", "1"]),
        ("0.01", ["0", "1"]),
        ("4.00", ["0", "1", "2", "3", "4"]),
        ("4.01", ["0", "2", "4", "6"]),
        ("100.00", ["0", "50", "100"]),
        ("1238.00", ["0", "500", "1,000", "1,500"]),
        ("81000.00", ["0", "50,000", "100,000"]),
        ("12345678.90", ["0", "5,000,000", "10,000,000", "15,000,000"]),
    ],
)
def test_lines_are_round_and_few_whatever_the_highest_amount(
    highest: str, lines: list[str]
) -> None:
    chart = draw_refunds(days_of(highest, "0.00"))

    assert [line.text for line in chart.lines] == lines
    assert (chart.lines[0].at, chart.lines[-1].at) == (232, 12)
    assert all(12 <= bar.freight_y <= bar.goods_y <= 232 for bar in chart.bars)


def test_freight_stands_upon_goods(db: None) -> None:
    [bar] = draw_refunds(days_of("6.00", freight="2.00")).bars

    assert (bar.goods_height, bar.freight_height) == (165, 55)
    assert (bar.goods_y, bar.freight_y) == (67, 12)


@pytest.mark.parametrize(("count", "labels"), [(1, 1), (12, 12), (13, 7), (30, 10), (366, 12)])
def test_days_are_written_as_far_as_there_is_room(count: int, labels: int) -> None:
    chart = draw_refunds(days_of(*["1.00"] * count))

    assert len(chart.labels) == labels
    assert chart.bars[-1].x + chart.bars[-1].width <= chart.right


def test_heads_of_numbers_may_wrap_so_that_a_table_is_not_cut(refunded: None, boss: Client) -> None:
    with time_machine.travel(NOW):
        page = text_of(boss.get(URL, MARCH, headers={"Accept-Language": "en"}))

    [head] = [part for part in page.split("<th ") if ">Refund of goods</th>" in part][:1]
    assert "whitespace-nowrap" not in head.partition(">")[0]
