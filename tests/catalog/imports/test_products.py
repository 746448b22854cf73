from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from catalog.models import Brand, Category, PoolMembership, Product, Sku
from tests.cast import Merchant, World
from tests.imports.files import Desk

LATER = datetime(2030, 1, 1, tzinfo=UTC)


def row(sku: str = "A", **values: Any) -> dict[str, Any]:
    return {"sku": sku, "name": f"Name {sku}", "category": "home", "sale_price": "10", **values}


def full_row(sku: str = "A", **values: Any) -> dict[str, Any]:
    full = {
        "cost_price": "6.5", "product": "P", "market_price": "12.50", "floor_price": "9",
        "brand": "Brand", "unit": "件", "specs": "color=red;size=L",
        "attributes": '{"care": "wash; dry"}', "description": "<p>Good</p>",
        "images": "https://a.example/1.jpg https://a.example/2.jpg https://a.example/1.jpg",
        "weight_grams": "250", "barcode": "06901234567892", "tax_rate": "9%",
        "min_quantity": "2", "quantity_step": "2", "shelf_state": "off_shelf", "pools": "pool",
    }  # fmt: skip
    return row(sku, **{**full, **values})


def test_sku_stands_as_written_when_all_columns_are_given(desk: Desk, world: World) -> None:
    counts = desk.counts("products", full_row())

    sku = Sku.objects.select_related("product__brand").get()
    assert counts == (1, 0, 0)
    assert (sku.code, sku.name, sku.product.code, sku.product.name) == (
        "A",
        "Name A",
        "P",
        "Name A",
    )
    assert (sku.sale_price, sku.market_price) == (Decimal("10.00"), Decimal("12.50"))
    assert (sku.cost_price, sku.floor_price) == (Decimal("6.50"), Decimal("9.00"))
    assert sku.product.brand == Brand.objects.get(name="Brand")
    assert (sku.product.unit, sku.product.attributes) == ("件", {"care": "wash; dry"})
    assert (sku.specs, sku.product.description) == ({"color": "red", "size": "L"}, "<p>Good</p>")
    assert list(sku.images.values_list("position", "url")) == [
        (0, "https://a.example/1.jpg"),
        (1, "https://a.example/2.jpg"),
    ]
    assert (sku.weight_grams, sku.barcode, sku.tax_rate) == (250, "06901234567892", Decimal("0.09"))
    assert (sku.min_quantity, sku.quantity_step, sku.shelf_state) == (2, 2, "off_shelf")
    assert list(PoolMembership.objects.values_list("pool__code", "sku__code")) == [("pool", "A")]


def test_defaults_hold_when_only_required_columns_are_given(desk: Desk, world: World) -> None:
    desk.load("products", row())

    sku = Sku.objects.get()
    assert (sku.product.code, sku.market_price) == ("A", Decimal("10.00"))
    assert (sku.tax_rate, sku.shelf_state) == (Decimal("0.13"), "on_shelf")


def test_nothing_moves_when_the_file_comes_again(desk: Desk, world: World) -> None:
    rows = [full_row("A"), full_row("B", name="Other")]
    desk.load("products", *rows)
    before = list(Sku.objects.values())

    with time_machine.travel(LATER):
        counts = desk.counts("products", *rows)

    assert counts == (0, 0, 2)
    assert list(Sku.objects.values()) == before
    assert Product.objects.get().name == "Name A"


def test_stamp_moves_only_when_the_row_changed(desk: Desk, world: World) -> None:
    desk.load("products", row("A"), row("B"))

    with time_machine.travel(LATER, tick=False):
        counts = desk.counts("products", row("A"), row("B", sale_price="11"))

    assert counts == (0, 1, 1)
    assert Sku.objects.get(code="A").updated_at < LATER
    assert Sku.objects.get(code="B").updated_at == LATER
    assert Sku.objects.get(code="B").market_price == Decimal("11.00")


def test_stamps_of_all_siblings_move_when_the_product_changed(desk: Desk, world: World) -> None:
    desk.load("products", full_row("A"), full_row("B"))

    with time_machine.travel(LATER, tick=False):
        counts = desk.counts("products", full_row("A", brand="New"))

    assert counts == (0, 1, 0)
    assert set(Sku.objects.values_list("updated_at", flat=True)) == {LATER}


def test_blank_cells_empty_what_may_be_empty(desk: Desk, world: World) -> None:
    desk.load("products", full_row())
    blank = dict.fromkeys(full_row(), "") | row() | {"product": "P"}

    assert desk.counts("products", blank) == (0, 1, 0)

    sku = Sku.objects.get()
    assert (sku.cost_price, sku.floor_price, sku.specs, sku.barcode) == (None, None, {}, "")
    assert (sku.product.brand, sku.product.attributes, sku.images.count()) == (None, {}, 0)
    assert (sku.shelf_state, sku.tax_rate, sku.min_quantity) == ("off_shelf", Decimal("0.09"), 2)
    assert sku.market_price == Decimal("12.50")


def test_absent_columns_change_nothing(desk: Desk, world: World) -> None:
    desk.load("products", full_row())

    assert desk.counts("products", row()) == (0, 0, 1)
    assert Sku.objects.get().images.count() == 2


def test_codes_differ_when_only_their_case_does(desk: Desk, world: World) -> None:
    report = desk.load("products", row("A"), row("a"), accept_warnings=True)

    assert report.created == 2
    assert set(Sku.objects.values_list("code", flat=True)) == {"A", "a"}
    assert desk.counts("products", row("A"), row("a")) == (0, 0, 2)


def test_category_path_is_made_once_when_rows_name_it(desk: Desk, world: World) -> None:
    desk.load("products", row("A", category="Kitchen/Pans/Woks"), row("B", category="Kitchen/Pots"))
    desk.load("products", row("C", category="Kitchen / Pans / Woks"))

    woks = Category.objects.get(name="Woks")
    assert [Category.objects.get(pk=pk).name for pk in woks.path] == ["Kitchen", "Pans", "Woks"]
    assert (woks.level, woks.products.count()) == (3, 2)
    assert woks.code.startswith("c-")
    assert Category.objects.count() == 5


def test_description_is_stored_without_scripts_and_styles(desk: Desk, world: World) -> None:
    html = (
        '<p onclick="x()" style="color:red">Good<script>alert(1)</script>'
        '<style>p{}</style><a href="javascript:x()">link</a><img src="https://a.example/b.jpg"></p>'
    )

    desk.load("products", row(description=html))

    description = Product.objects.get().description
    assert description == (
        '<p>Good<a rel="noopener noreferrer">link</a><img src="https://a.example/b.jpg"></p>'
    )


def test_pictures_are_replaced_when_the_cell_names_others(desk: Desk, world: World) -> None:
    desk.load("products", row(images="https://a.example/1.jpg https://a.example/2.jpg"))
    Sku.objects.get().images.filter(position=1).update(width=80, height=60)

    with time_machine.travel(LATER, tick=False):
        counts = desk.counts("products", row(images="https://a.example/2.jpg"))

    sku = Sku.objects.get()
    assert counts == (0, 1, 0)
    assert list(sku.images.values_list("position", "url", "width")) == [
        (0, "https://a.example/2.jpg", 80)
    ]
    assert sku.updated_at == LATER


def test_merchants_are_told_of_the_shelf_only_when_a_known_sku_moved(
    desk: Desk, shop: World, merchant: Merchant, stranger: Merchant, told: Any
) -> None:
    desk.load("products", row("A", shelf_state="on_shelf", pools="pool"))
    desk.load("products", row("B", shelf_state="off_shelf", pools="pool"))
    assert told(merchant) == [("pool.sku_added", ["A", "B"])]

    desk.load(
        "products",
        row("A", shelf_state="off_shelf", pools=""),
        row("B", shelf_state="off_shelf", pools="pool"),
    )

    assert told(merchant) == [("sku.off_shelf", ["A"])]
    assert told(stranger) == []


def test_row_counts_as_updated_when_only_a_pool_is_new(desk: Desk, world: World) -> None:
    desk.load("products", row())

    assert desk.counts("products", row(pools="pool")) == (0, 1, 0)
    assert desk.counts("products", row(pools="pool")) == (0, 0, 1)


@pytest.mark.parametrize(
    ("column", "text", "code"),
    [
        ("sku", "", "field_required"),
        ("sku", "A B", "string_invalid"),
        ("sku", "A" * 65, "string_invalid"),
        ("name", "", "field_required"),
        ("name", "x" * 256, "field_invalid"),
        ("name", "a\x00b", "string_invalid"),
        ("name", "a\u200bb", "string_invalid"),
        ("name", "e\u0301", "string_invalid"),
        ("category", "nowhere", "field_invalid"),
        ("category", "Home//Pans", "field_invalid"),
        ("sale_price", "ten", "field_invalid"),
        ("sale_price", "-1", "field_invalid"),
        ("sale_price", "0", "field_invalid"),
        ("sale_price", "1.234", "field_invalid"),
        ("sale_price", "1e3", "field_invalid"),
        ("sale_price", "12345678901", "field_invalid"),
        ("sale_price", "１２", "field_invalid"),
        ("sale_price", "1,200.00", "field_invalid"),
        ("market_price", "0.00", "field_invalid"),
        ("cost_price", "NaN", "field_invalid"),
        ("product", "P/1", "string_invalid"),
        ("brand", "x" * 121, "field_invalid"),
        ("unit", "x" * 17, "field_invalid"),
        ("specs", "red", "field_invalid"),
        ("specs", "color=red;color=blue", "field_invalid"),
        ("attributes", '{"a": 1}', "field_invalid"),
        ("attributes", '{"a": "\\ud800"}', "string_invalid"),
        ("attributes", "{" * 2000, "field_invalid"),
        ("description", "a\x00b", "string_invalid"),
        ("images", "quality=90&thumbnail=200x200", "field_invalid"),
        ("images", "javascript:alert(1)", "field_invalid"),
        ("images", 'https://a.example/"><script>alert(1)</script>', "field_invalid"),
        ("images", "https://user:secret@a.example/1.jpg", "field_invalid"),
        ("images", "https://a.example:99999/1.jpg", "field_invalid"),
        ("images", "https://a.example/" + "x" * 500, "field_invalid"),
        ("weight_grams", "1.5", "field_invalid"),
        ("weight_grams", "-1", "field_invalid"),
        ("weight_grams", "99999999999", "field_invalid"),
        ("tax_rate", "1.5", "field_invalid"),
        ("tax_rate", "13", "field_invalid"),
        ("min_quantity", "0", "field_invalid"),
        ("quantity_step", "1_000", "field_invalid"),
        ("shelf_state", "gone", "field_invalid"),
        ("pools", "pool nowhere", "field_invalid"),
    ],
)
def test_refused_when_a_cell_is_wrong(
    desk: Desk, world: World, column: str, text: str, code: str
) -> None:
    faults = desk.faults("products", row("Z") | {column: ""} | row("Z"), row("A") | {column: text})

    assert (3, column, code) in faults
    assert {number for number, _column, _code in faults if column not in row()} <= {3}
    assert not Sku.objects.exists()


def test_refused_when_a_sku_comes_twice(desk: Desk, world: World) -> None:
    assert desk.faults("products", row("A"), row("B"), row("A")) == [(4, "sku", "field_invalid")]
    assert not Sku.objects.exists()


def test_refused_when_rows_of_one_product_disagree(desk: Desk, world: World) -> None:
    faults = desk.faults(
        "products",
        row("A", product="P", brand="One"),
        row("B", product="P", brand="Two"),
        row("C", product="P", brand="One"),
    )

    assert faults == [(3, "product", "field_invalid")]
    assert not Product.objects.exists()
    assert not Brand.objects.exists()


def test_every_fault_is_told_when_many_rows_are_wrong(desk: Desk, world: World) -> None:
    faults = desk.faults(
        "products",
        row("A", sale_price="ten") | {"name": ""},
        row("B"),
        row("C", category="nowhere"),
    )

    assert faults == [
        (2, "name", "field_required"),
        (2, "sale_price", "field_invalid"),
        (4, "category", "field_invalid"),
    ]
    assert not Sku.objects.exists()


def test_nothing_is_written_when_the_run_is_dry(
    desk: Desk, shop: World, merchant: Merchant, told: Any
) -> None:
    report = desk.load("products", full_row(category="New/Path"), dry_run=True)

    assert (report.created, report.is_dry_run) == (1, True)
    assert not Sku.objects.exists()
    assert not Category.objects.filter(name="New").exists()
    assert told(merchant) == []
