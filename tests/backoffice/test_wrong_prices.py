"""Prices that went wrong, as a page and as files."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from django.db import connection
from django.test import Client

from catalog.models import PriceChange, PurchasePrice, Sku
from catalog.price_plans import How, PriceEdit, Rule
from catalog.services.base_prices import change_prices
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from orders.models import Order, OrderLine
from reconciliation.admin import wrong_prices as page
from reconciliation.selectors.wrong_prices import get_wrong_prices
from tests.backoffice.conftest import Staff
from tests.backoffice.pages import csv_of
from tests.cast import Merchant, World, make_merchant
from tests.orders.acts import pay, place

URL = "/admin/reconciliation/bill/wrong-prices/"
LINES_HEAD = [
    "Order number", "Merchant", "Name", "Merchant's order number", "Ordered at", "Status", "SKU",
    "Product", "Units", "Units refunded", "Purchase price", "Sale price", "Floor price",
    "Paid above the sale price", "Paid less than the floor price",
]  # fmt: skip


def agree(merchant: Merchant, sku: Sku, price: str) -> None:
    PurchasePrice.objects.create(
        partner=merchant.partner, sku=sku, fixed_price=Decimal(price), starts_at=clock.now()
    )


@pytest.fixture
def wrong(shop: World, merchant: Merchant) -> dict[str, str]:
    """acme bought A above the sale price, B under the floor and C right; other bought B so, too.
    Order numbers by the merchant's.
    """
    a = shop.make_sku("A", price="10.00", north=50, name='=HYPERLINK("https://evil.example")')
    b = shop.make_sku("B", price="20.00", north=50, floor_price=Decimal("18.00"))
    shop.make_sku("C", price="30.00", north=50, floor_price=Decimal("30.00"))
    other = make_merchant("other", balance="1000.00")
    shop.open_pool_to(other)
    agree(merchant, a, "12.50")
    agree(merchant, b, "17.99")
    agree(other, b, "10.00")
    made = [
        pay(merchant, "M-1", items=[("A", 2), ("B", 3), ("C", 1)]),
        pay(other, "N-1", items=[("B", 1)]),
        place(merchant, "M-cancelled", items=[("A", 1)]),
    ]
    assert merchant.api.post(f"/orders/{made[2]['order_no']}/cancel").status_code == 200
    return {order["merchant_order_no"]: order["order_no"] for order in made}


def rows_of(response: Any, name: str) -> list[list[str]]:
    assert response.status_code == 200
    for table in response.context["tables"]:
        if table["name"] == name:
            return [[str(text) for text, _is_number in row] for row in table["rows"]]
    return []


def test_page_shows_what_was_bought_too_dear_or_too_cheap(
    wrong: dict[str, str], boss: Client
) -> None:
    response = boss.get(URL)

    assert rows_of(response, "merchants") == [
        ["other", "Merchant other", "1", "1", "0", "0.00", "1", "8.00"],
        ["acme", "Merchant acme", "1", "2", "1", "5.00", "1", "0.03"],
    ]
    lines = rows_of(response, "lines")
    assert [[row[1], row[3], *row[6:7], *row[8:]] for row in lines] == [
        ["other", "N-1", "B", "1", "0", "10.00", "20.00", "18.00", "0.00", "8.00"],
        ["acme", "M-1", "A", "2", "0", "12.50", "10.00", "–", "5.00", "0.00"],
        ["acme", "M-1", "B", "3", "0", "17.99", "20.00", "18.00", "0.00", "0.03"],
    ]
    order = Order.objects.get(order_no=wrong["N-1"])
    assert f'href="/admin/orders/order/{order.pk}/change/"' in lines[0][0]
    assert boss.get(f"/admin/orders/order/{order.pk}/change/").status_code == 200


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"what": "above_sale"}, [("acme", "A")]),
        ({"what": "under_floor"}, [("other", "B"), ("acme", "B")]),
        ({"partner": "acme"}, [("acme", "A"), ("acme", "B")]),
        ({"partner": "other", "what": "above_sale"}, []),
        ({"first": "2020-01-01", "last": "2020-12-31"}, []),
    ],
)
def test_page_shows_only_what_is_asked_for(
    wrong: dict[str, str], boss: Client, asked: dict[str, str], found: list[tuple[str, str]]
) -> None:
    response = boss.get(URL, asked)

    assert [(row[1], row[6]) for row in rows_of(response, "lines")] == found
    assert ("No order of these days" in response.content.decode()) == (not found)


@pytest.mark.parametrize(
    ("first", "last"),
    [("2026-02-02", "2026-02-01"), ("2026-02-30", "2026-03-01"), ("0001-01-01", "2026-01-01"),
     ("2024-01-01", "2026-01-01"), ("", "")],
)  # fmt: skip
def test_page_refuses_a_period_that_is_none(
    wrong: dict[str, str], boss: Client, first: str, last: str
) -> None:
    response = boss.get(URL, {"first": first, "last": last})

    assert response.status_code == 200
    assert response.context["form"].errors
    assert "tables" not in response.context


def test_page_tells_it_when_a_merchant_or_kind_is_unknown(boss: Client) -> None:
    response = boss.get(URL, {"partner": "nobody", "what": "everything"})

    assert set(response.context["form"].errors) == {"partner", "what"}


def test_floor_price_is_that_of_the_order_when_it_was_changed_since(
    shop: World, merchant: Merchant, boss: Client
) -> None:
    sku = shop.make_sku("B", price="20.00", north=50, floor_price=Decimal("18.00"))
    agree(merchant, sku, "17.00")
    under = pay(merchant, "M-under", items=[("B", 1)])
    set_floor(sku, "16.00")
    pay(merchant, "M-fine", items=[("B", 1)])
    set_floor(sku, None)
    pay(merchant, "M-free", items=[("B", 1)])
    set_floor(sku, "17.01")
    again = pay(merchant, "M-again", items=[("B", 1)])

    lines = rows_of(boss.get(URL), "lines")

    assert [(row[3], row[12]) for row in lines] == [("M-again", "17.01"), ("M-under", "18.00")]
    assert again["order_no"] in lines[0][0]
    assert under["order_no"] in lines[1][0]
    assert PriceChange.objects.filter(sku=sku).count() == 4


def set_floor(sku: Sku, price: str | None) -> None:
    """Change a floor price as the back office does."""
    rule = Rule(How.CLEAR) if price is None else Rule(How.SET, Decimal(price))
    change_prices(
        sku_ids=[sku.pk],
        edit=PriceEdit(floor_price=rule),
        effective_at=None,
        reason="test",
        actor="test",
        now=clock.now(),
    )


def test_refunded_units_cost_nothing(wrong: dict[str, str], boss: Client) -> None:
    OrderLine.objects.filter(sku_code="A", order__order_no=wrong["M-1"]).update(
        refunded_quantity=1, refunded_amount=Decimal("12.50")
    )

    [line] = [row for row in rows_of(boss.get(URL), "lines") if row[6] == "A"]

    assert line[8:] == ["2", "1", "12.50", "10.00", "–", "2.50", "0.00"]


def test_files_have_the_same_and_the_trail_says_who_took_them(
    wrong: dict[str, str], boss: Client
) -> None:
    lines = csv_of(boss.get(URL, {"file": "csv", "table": "lines"}))
    merchants = csv_of(boss.get(URL, {"file": "csv", "table": "merchants"}))
    workbook = boss.get(URL, {"file": "xlsx", "what": "above_sale"})

    assert lines[0] == LINES_HEAD
    assert [row[0] for row in lines[1:]] == [wrong["N-1"], wrong["M-1"], wrong["M-1"]]
    assert lines[2][7] == '\'=HYPERLINK("https://evil.example")'
    assert lines[2][10:] == ["12.50", "10.00", "", "5.00", "0.00"]
    assert merchants[1] == ["other", "Merchant other", "1", "1", "0", "0.00", "1", "8.00"]
    book = openpyxl.load_workbook(io.BytesIO(workbook.content))
    assert book.sheetnames == ["By merchant", "Order lines"]
    [head, row] = list(book["Order lines"].values)
    assert list(head) == LINES_HEAD
    assert (row[0], row[8], row[10], row[12]) == (wrong["M-1"], 2, 12.5, None)
    assert book["Order lines"]["H2"].data_type == "s"
    today = clock.now().astimezone(clock.PLATFORM_ZONE)
    trail = AuditEntry.objects.filter(action="export_wrong_prices", actor="boss").order_by("id")
    names = [entry.subject_label.split("-20")[0] for entry in trail]
    assert names == ["wrong-prices-lines", "wrong-prices-merchants", "wrong-prices-all"]
    assert f"{today:%Y%m%d}.xlsx" in workbook.headers["Content-Disposition"]


@pytest.mark.parametrize("query", [{"file": "pdf"}, {"file": "csv"}, {"file": "csv", "table": "x"}])
def test_file_that_there_is_not_is_not_found(
    wrong: dict[str, str], boss: Client, query: dict[str, str]
) -> None:
    assert boss.get(URL, query).status_code == 404


def test_page_says_how_many_there_are_when_not_all_are_shown(
    wrong: dict[str, str], boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "LINES_ON_PAGE", 2)

    response = boss.get(URL)

    assert len(rows_of(response, "lines")) == 2
    assert "The newest 2 of 3; the files have up to 20000" in response.content.decode()


def test_page_asks_for_fewer_days_when_it_takes_too_long(
    wrong: dict[str, str], boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "PATIENCE", "SET LOCAL statement_timeout = '1ms'")

    def sleep_first(**asked: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(1)")
        return get_wrong_prices(**asked)

    monkeypatch.setattr(page, "get_wrong_prices", sleep_first)

    response = boss.get(URL)

    assert "ask for fewer days" in response.content.decode()


@pytest.mark.parametrize(
    ("permissions", "status"),
    [
        (["orders.view_order", "catalog.view_purchaseprice"], 200),
        (["orders.view_order", "reconciliation.view_bill"], 403),
        ([], 403),
    ],
)
def test_page_opens_for_whoever_may_see_orders_and_prices(
    staff: Staff, permissions: list[str], status: int
) -> None:
    assert staff(*permissions).get(URL).status_code == status
