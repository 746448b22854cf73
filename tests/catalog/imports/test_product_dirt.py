"""Files as they come out of real shops: every fault is told by row and column, nothing written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from catalog.models import Brand, Category, Product, Sku
from openplatform.imports.errors import ImportNeedsConfirmation, ImportRefused
from openplatform.imports.services.importing import import_file
from openplatform.messaging.models import Outbox
from tests.cast import World
from tests.catalog.imports.test_products import row
from tests.imports.files import Desk


@pytest.fixture(autouse=True)
def _nothing_is_written(world: World) -> Any:
    yield
    assert not Sku.objects.exists()
    assert not Product.objects.exists()
    assert not Brand.objects.exists()
    assert list(Category.objects.values_list("code", flat=True)) == ["home"]
    assert not Outbox.objects.exists()


def test_refused_when_names_are_missing(desk: Desk) -> None:
    faults = desk.faults(
        "products", row("A"), row("B") | {"name": ""}, row("C") | {"name": " \t"}, row("D")
    )

    assert faults == [(3, "name", "field_required"), (4, "name", "field_required")]


@pytest.mark.parametrize(
    "price", ["面议", "ten", "¥12.50", "12元", "12,50", "1,200.00", "12.505", "-5", "１２"]
)
def test_refused_when_prices_are_in_words_or_other_writing(desk: Desk, price: str) -> None:
    faults = desk.faults(
        "products",
        row("A", cost_price="", market_price=""),
        row("B", sale_price=price, cost_price=price, market_price=price),
    )

    assert faults == [
        (3, "sale_price", "field_invalid"),
        (3, "cost_price", "field_invalid"),
        (3, "market_price", "field_invalid"),
    ]


def test_refused_when_a_title_is_a_character_too_long(desk: Desk) -> None:
    faults = desk.faults(
        "products", row("A") | {"name": "名" * 255}, row("B") | {"name": "名" * 256}
    )

    assert faults == [(3, "name", "field_invalid")]


def test_refused_when_categories_are_empty_or_unknown(desk: Desk) -> None:
    faults = desk.faults(
        "products",
        row("A", category="Kitchen/Pans"),
        row("B", category=""),
        row("C", category="nowhere"),
        row("D", category="/"),
        row("E", category="Kitchen//Pans"),
        row("F", category="nowhere"),
    )

    assert faults == [
        (3, "category", "field_required"),
        (4, "category", "field_invalid"),
        (5, "category", "field_invalid"),
        (6, "category", "field_invalid"),
        (7, "category", "field_invalid"),
    ]


def test_refused_when_the_file_is_gbk(tmp_path: Path, world: World) -> None:
    file = tmp_path / "gbk.csv"
    file.write_bytes("sku,name,category,sale_price\nA,苹果,home,1\n".encode("gbk"))

    with pytest.raises(ImportRefused) as refused:
        import_file(resource="products", file=file, actor="operator")

    assert [(fault.row, fault.code) for fault in refused.value.row_faults] == [(2, "file_invalid")]
    assert "GBK" in refused.value.row_faults[0].text


def test_asked_first_when_codes_differ_in_case_only(desk: Desk) -> None:
    with pytest.raises(ImportNeedsConfirmation) as asked:
        desk.load("products", row("Abc"), row("X"), row("ABC"), row("aBC"))

    assert [
        (warning.row, warning.column, warning.code) for warning in asked.value.report.warnings
    ] == [(4, "sku", "similar_code"), (5, "sku", "similar_code")]


def test_every_kind_of_dirt_is_told_at_once(desk: Desk) -> None:
    faults = desk.faults(
        "products",
        row("A", brand="One", product="P"),
        row("B", brand="Two", product="P"),
        row("A", brand="One", product=""),
        row("C", category="nowhere", brand="", product=""),
        row("D", brand="", product="") | {"name": ""},
        row("E", sale_price="面议", brand="", product=""),
        row("名", brand="", product=""),
    )

    assert faults == [
        (3, "product", "field_invalid"),
        (4, "sku", "field_invalid"),
        (5, "category", "field_invalid"),
        (6, "name", "field_required"),
        (7, "sale_price", "field_invalid"),
        (8, "sku", "string_invalid"),
    ]
