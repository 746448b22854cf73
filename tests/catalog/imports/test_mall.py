"""A real catalogue of phones, clothes and appliances with many SKUs each, and impossible stock."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db.models import Sum

from catalog.models import Product, Sku, Stock, StockHint, StockMovement
from tests.cast import World
from tests.imports.files import Desk

SOURCE = Path(settings.BASE_DIR).parent / "shared" / "data" / "cn_catalog_mall"
pytestmark = pytest.mark.skipif(
    not SOURCE.exists(), reason="../shared/data/cn_catalog_mall is missing"
)


def read(name: str) -> list[dict[str, str]]:
    with (SOURCE / f"pms_{name}.csv").open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def category_rows() -> list[dict[str, str]]:
    """One of them names a parent that is not there; it stands at the root."""
    categories = read("product_category")
    codes = {category["id"] for category in categories}
    return [
        {
            "code": category["id"],
            "name": category["name"],
            "parent": category["parent_id"] if category["parent_id"] in codes else "",
        }
        for category in categories
    ]


def product_rows() -> list[dict[str, Any]]:
    """A row for each SKU, and one for each of the goods that have none; two of these have no price
    either, so nobody could order them."""
    goods = {item["id"]: item for item in read("product")}
    skus = read("sku_stock")
    with_skus = {sku["product_id"] for sku in skus}
    rows = [
        product_row(
            goods[sku["product_id"]],
            sku=sku["sku_code"],
            price=sku["price"],
            specs={pair["key"]: pair["value"] for pair in json.loads(sku["sp_data"])},
        )
        for sku in skus
    ]
    rows += [
        product_row(item, sku=f"goods-{item['id']}", price=item["price"], specs={})
        for item in goods.values()
        if item["id"] not in with_skus and Decimal(item["price"])
    ]
    return rows


def product_row(
    item: dict[str, str], *, sku: str, price: str, specs: dict[str, str]
) -> dict[str, Any]:
    market_price = item["original_price"]
    pictures = [item["pic"], *item["album_pics"].split(",")]
    return {
        "sku": sku,
        "product": item["id"],
        "name": item["name"],
        "category": item["product_category_id"],
        "brand": item["brand_name"],
        "unit": item["unit"],
        "sale_price": price,
        "market_price": market_price if market_price and Decimal(market_price) else "",
        "specs": json.dumps(specs, ensure_ascii=False),
        "description": item["detail_html"],
        # Of some goods the picture is the word "string".
        "images": " ".join(dict.fromkeys(url for url in pictures if url.startswith("http"))),
        "shelf_state": "on_shelf" if item["publish_status"] == "1" else "off_shelf",
    }


def stock_rows(column: str) -> list[dict[str, str]]:
    return [
        {"warehouse": "north", "sku": sku["sku_code"], "on_hand": sku[column]}
        for sku in read("sku_stock")
    ]


@pytest.fixture
def stocked(desk: Desk, world: World) -> Desk:
    """With the categories and the goods of the catalogue."""
    assert desk.counts("categories", *category_rows()) == (40, 0, 0)
    assert desk.counts("products", *product_rows()) == (112, 0, 0)
    return desk


def test_whole_catalogue_stands_as_in_its_source_when_it_was_imported(stocked: Desk) -> None:
    rows = stock_rows("stock")

    assert stocked.counts("stock", *rows) == (96, 0, 0)

    assert Product.objects.count() == 36
    assert Sku.objects.exclude(code__startswith="goods-").count() == 96
    assert Stock.objects.aggregate(Sum("on_hand"))["on_hand__sum"] == sum(
        int(row["on_hand"]) for row in rows
    )
    sku = Sku.objects.get(code="201808270027001")
    assert (sku.product.name, sku.sale_price, sku.specs) == (
        "小米8 全面屏游戏智能手机 6GB+64GB 黑色 全网通4G 双卡双待",
        Decimal("2699.00"),
        {"颜色": "黑色", "容量": "32G"},
    )
    assert stocked.counts("stock", *rows) == (0, 0, 96)


def test_exactly_the_four_negative_rows_are_told_when_locked_units_are_taken_for_stock(
    stocked: Desk,
) -> None:
    rows = stock_rows("lock_stock")

    faults = stocked.faults("stock", *rows)

    assert faults == [
        (number, "on_hand", "field_invalid")
        for number, row in enumerate(rows, start=2)
        if row["on_hand"].startswith("-")
    ]
    assert [row for row, _column, _code in faults] == [2, 6, 7, 10]
    assert not Stock.objects.exists()
    assert not StockMovement.objects.exists()
    assert not StockHint.objects.exists()
