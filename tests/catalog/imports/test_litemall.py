"""A real catalogue of Chinese home goods, converted to our files and imported whole."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db.models import Count, Sum

from catalog.models import Brand, Category, PoolMembership, Product, Sku, SkuImage, Stock
from tests.cast import Merchant, World
from tests.imports.files import Desk

SOURCE = Path(settings.BASE_DIR).parent / "shared" / "data" / "cn_catalog_litemall"
pytestmark = pytest.mark.skipif(
    not SOURCE.exists(), reason="../shared/data/cn_catalog_litemall is missing"
)


def read(name: str) -> list[dict[str, str]]:
    with (SOURCE / f"{name}.csv").open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def category_rows() -> list[dict[str, str]]:
    return [
        {
            "code": category["id"],
            "name": category["name"],
            "parent": "" if category["pid"] == "0" else category["pid"],
        }
        for category in read("categories")
    ]


def product_rows() -> list[dict[str, Any]]:
    """A row for each SKU; codes are the source's ids, ``goods-sku`` where goods have several."""
    goods = {row["id"]: row for row in read("products")}
    brands = {row["id"]: row["name"] for row in read("brands")}
    attributes: dict[str, dict[str, str]] = defaultdict(dict)
    for row in read("attributes"):
        attributes[row["goods_id"]][row["attribute"]] = row["value"]
    spec_names: dict[str, dict[str, str]] = defaultdict(dict)
    for row in read("specifications"):
        spec_names[row["goods_id"]][row["value"]] = row["specification"]
    rows = []
    for sku in read("skus"):
        item = goods[sku["goods_id"]]
        values = json.loads(sku["specifications"])
        specs = {spec_names[item["id"]][value]: value for value in values}
        # Two SKUs have only the parameters of an address, which the goods' own pictures make up.
        own = [sku["url"]] if sku["url"].startswith("http") else []
        rows.append({
            "sku": sku_code(sku),
            "product": item["id"],
            "name": item["name"],
            "category": item["category_id"],
            "brand": brands.get(item["brand_id"], ""),
            "unit": item["unit"],
            "sale_price": sku["price"],
            "market_price": item["counter_price"],
            "specs": json.dumps(specs, ensure_ascii=False),
            "attributes": json.dumps(attributes[item["id"]], ensure_ascii=False),
            "description": item["detail"],
            "images": " ".join([*own, item["pic_url"], *json.loads(item["gallery"] or "[]")]),
            "shelf_state": "on_shelf" if item["is_on_sale"] == "1" else "off_shelf",
            "pools": "pool",
        })  # fmt: skip
    return rows


def sku_code(sku: dict[str, str]) -> str:
    return f"{sku['goods_id']}-{sku['id']}"


def stock_rows() -> list[dict[str, str]]:
    return [
        {"warehouse": "north", "sku": sku_code(sku), "on_hand": sku["number"]}
        for sku in read("skus")
    ]


def test_whole_catalogue_stands_as_in_its_source_when_it_was_imported(
    desk: Desk, shop: World, merchant: Merchant, told: Any
) -> None:
    categories, products, stock = category_rows(), product_rows(), stock_rows()

    counts = [
        desk.counts("categories", *categories),
        desk.counts("products", *products),
        desk.counts("stock", *stock),
    ]

    assert counts == [(93, 0, 0), (244, 0, 0), (244, 0, 0)]
    ours = Category.objects.exclude(code="home")
    assert list(ours.values_list("level").annotate(Count("pk")).order_by("level")) == [
        (1, 9),
        (2, 84),
    ]
    assert Product.objects.count() == 239
    assert Brand.objects.count() == len({row["brand"] for row in products} - {""})
    assert Sku.objects.filter(shelf_state="off_shelf").count() == 1
    assert PoolMembership.objects.count() == 244
    assert Stock.objects.aggregate(Sum("on_hand"))["on_hand__sum"] == sum(
        int(row["on_hand"]) for row in stock
    )
    assert Sku.objects.aggregate(Sum("sale_price"))["sale_price__sum"] == sum(
        Decimal(row["sale_price"]) for row in products
    )
    assert not SkuImage.objects.exclude(url__startswith="http").exists()
    assert not Product.objects.filter(description__contains="style=").exists()
    parcels = told(merchant)
    assert {message_type for message_type, _skus in parcels} == {"pool.sku_added"}
    assert [len(skus) for _type, skus in parcels] == [100, 100, 44]


def test_goods_with_many_skus_are_one_product(desk: Desk, world: World) -> None:
    desk.load("categories", *category_rows())
    desk.load("products", *product_rows())

    product = Product.objects.get(code="1181000")
    assert (product.name, product.category_id) == (
        "母亲节礼物-舒适安睡组合",
        Category.objects.get(code="1008008").pk,
    )
    assert [(sku.code, sku.sale_price, sku.specs) for sku in product.skus.order_by("id")[:2]] == [
        ("1181000-1", Decimal("999.00"), {"规格": "1.5m床垫*1+枕头*2", "颜色": "浅杏粉"}),
        ("1181000-2", Decimal("1500.00"), {"规格": "1.5m床垫*1+枕头*2", "颜色": "玛瑙红"}),
    ]
    assert product.skus.count() == 6
    assert list(product.attributes) == ["规格", "重要提醒"]
    assert product.attributes["重要提醒"].startswith("活动时间：5月8日0点-5月14日24点。")


def test_nothing_moves_when_the_catalogue_comes_again(desk: Desk, world: World) -> None:
    for resource, rows in (
        ("categories", category_rows()), ("products", product_rows()), ("stock", stock_rows()),
    ):  # fmt: skip
        desk.load(resource, *rows)

        assert desk.counts(resource, *rows) == (0, 0, len(rows))
