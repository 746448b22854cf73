"""The import files of the demo, before any importer sees them."""

from __future__ import annotations

import csv
from collections import Counter
from decimal import Decimal

from openplatform.demo.services.loading import DATA


def rows_of(name: str) -> list[dict[str, str]]:
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


PRODUCTS = rows_of("products")
PARTNERS = rows_of("partners")


def seen_by(partner: dict[str, str]) -> set[str]:
    pools = set(partner["pools"].split())
    return {row["sku"] for row in PRODUCTS if pools & set(row["pools"].split())}


def test_range_has_the_promised_size():
    assert len({row["product"] for row in PRODUCTS}) == 61
    assert len({row["sku"] for row in PRODUCTS}) == len(PRODUCTS) == 200
    assert Counter(row["shelf_state"] for row in PRODUCTS) == {"on_shelf": 196, "off_shelf": 4}


def test_barcodes_are_in_store_numbers_with_a_valid_check_digit():
    codes = [row["barcode"] for row in PRODUCTS]

    assert len(set(codes)) == len(codes)
    for code in codes:
        assert len(code) == 13
        assert code.startswith("200")
        weighted = [int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(code)]
        assert sum(weighted) % 10 == 0, code


def test_prices_rise_from_cost_over_floor_and_sale_to_market():
    for row in PRODUCTS:
        prices = [Decimal(row[f"{name}_price"]) for name in ("cost", "floor", "sale", "market")]

        assert prices == sorted(set(prices)), row["sku"]


def test_tree_has_three_levels_and_every_leaf_is_used():
    parents = {row["code"]: row["parent"] for row in rows_of("categories")}
    tops = {code for code, parent in parents.items() if not parent}
    middles = {code for code, parent in parents.items() if parent in tops}
    leaves = {code for code, parent in parents.items() if parent in middles}

    assert (len(tops), len(middles), len(leaves)) == (5, 12, 25)
    assert len(parents) == 42
    assert {row["category"] for row in PRODUCTS} == leaves


def test_smallest_order_of_every_sku_is_possible():
    for row in PRODUCTS:
        assert int(row["min_quantity"]) % int(row["quantity_step"]) == 0, row["sku"]
    assert sum(1 for row in PRODUCTS if int(row["min_quantity"]) > 1) >= 10
    assert sum(1 for row in PRODUCTS if int(row["quantity_step"]) > 1) >= 5


def test_warehouses_share_beijing_only_and_nobody_serves_xinjiang():
    serves = [set(row["serves"].split()) for row in rows_of("warehouses")]

    assert serves[0] & serves[1] == {"110000"}
    assert "650000" not in serves[0] | serves[1]


def test_each_merchant_sees_goods_that_only_one_warehouse_has():
    held: dict[str, set[str]] = {"WH-SH": set(), "WH-GZ": set()}
    for row in rows_of("stock"):
        if int(row["on_hand"]):
            held[row["warehouse"]].add(row["sku"])

    for partner in PARTNERS:
        assert len(seen_by(partner) & (held["WH-SH"] - held["WH-GZ"])) >= 5
        assert len(seen_by(partner) & (held["WH-GZ"] - held["WH-SH"])) >= 5


def test_merchants_see_different_goods_at_different_prices():
    first, second = (seen_by(partner) for partner in PARTNERS)

    assert first - second
    assert second - first
    assert first & second
    prices = rows_of("prices")
    for partner, seen in zip(PARTNERS, (first, second), strict=True):
        own = [row for row in prices if row["partner"] == partner["code"]]
        assert {row["applies_to"].removeprefix("sku:") for row in own} <= seen
        assert any(row["fixed_price"] for row in own)
        assert any(row["discount_percent"] for row in own)
    assert all(bool(row["fixed_price"]) != bool(row["discount_percent"]) for row in prices)


def test_pictures_stand_on_a_reserved_domain():
    for row in PRODUCTS:
        assert all(url.startswith("https://images.example.com/") for url in row["images"].split())
