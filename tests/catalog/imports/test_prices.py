"""Agreements from a file: on anything, and what asks for a second look."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from catalog.models import Brand, PurchasePrice
from openplatform.imports.errors import ImportNeedsConfirmation
from tests.cast import Merchant, World
from tests.catalog.news import news_of
from tests.catalog.range import make_category, make_product
from tests.imports.files import Desk


def price(applies_to: str, **values: Any) -> dict[str, Any]:
    return {
        "partner": "acme", "applies_to": applies_to, "fixed_price": "", "discount_percent": "",
        "starts_at": "", "ends_at": "", **values,
    }  # fmt: skip


@pytest.fixture
def range_(shop: World) -> World:
    """Two SKUs of a brand, one of them below a category."""
    place = make_category("place", "Place", None)
    brand = Brand.objects.create(name="某 品牌")
    shop.make_sku("A", price="10.00", product=make_product("PA", place, brand=brand))
    shop.make_sku("B", price="10.00", product=make_product("PB", shop.category, brand=brand))
    shop.make_sku("C", price="10.00")
    return shop


def warnings_of(desk: Desk, *rows: dict[str, Any]) -> list[tuple[int, str, str]]:
    before = list(PurchasePrice.objects.values())
    with pytest.raises(ImportNeedsConfirmation) as refused:
        desk.load("prices", *rows)
    assert list(PurchasePrice.objects.values()) == before
    return [(one.row, one.column, one.code) for one in refused.value.report.warnings]


def test_every_target_is_taken_and_told(desk: Desk, range_: World, merchant: Merchant) -> None:
    rows = [
        price("sku:A", fixed_price="7"),
        price("category:place", discount_percent="40"),
        price("brand:某 品牌", discount_percent="20%"),
        price("all", discount_percent="10"),
    ]

    report = desk.load("prices", *rows, accept_warnings=True)

    assert (report.created, report.updated, report.unchanged) == (4, 0, 0)
    assert {(one.target, one.fixed_price, one.discount_percent, one.actor)
            for one in PurchasePrice.objects.all()} == {
        ("sku:A", Decimal("7.00"), None, "operator"),
        ("category:place", None, Decimal("40.00"), "operator"),
        ("brand:某 品牌", None, Decimal("20.00"), "operator"),
        ("all", None, Decimal("10.00"), "operator"),
    }  # fmt: skip
    entries = merchant.api.get("/catalog/prices", sku="A,B,C").json()["results"]
    assert [entry["purchase_price"] for entry in entries] == ["7.00", "8.00", "9.00"]
    assert news_of(merchant) == [("price.changed", {"skus": ["A", "B", "C"]})]
    again = desk.load("prices", *rows)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 4)
    assert again.warning_count == 0


def test_a_second_look_is_asked_for_when_a_price_is_odd(
    desk: Desk, range_: World, merchant: Merchant
) -> None:
    range_.make_sku("DEAR", price="10.00", cost_price="9.00")

    assert warnings_of(
        desk,
        price("sku:DEAR", fixed_price="8.99"),
        price("sku:A", fixed_price="10.01"),
        price("sku:B", fixed_price="10"),
        price("sku:C", discount_percent="50"),
    ) == [(2, "fixed_price", "below_cost"), (3, "fixed_price", "above_sale")]
    assert warnings_of(desk, price("all", discount_percent="20")) == [
        (2, "discount_percent", "below_cost")
    ]


def test_a_second_look_is_asked_for_when_agreements_overlap(
    desk: Desk, range_: World, merchant: Merchant
) -> None:
    desk.load("prices", price("sku:A", fixed_price="7", ends_at="2099-01-01"))

    assert warnings_of(desk, price("sku:A", fixed_price="6")) == [(2, "applies_to", "overlaps")]
    assert warnings_of(desk, price("category:place", discount_percent="40")) == [
        (2, "applies_to", "overlaps")
    ]


def test_no_second_look_is_asked_for_when_a_price_follows_an_open_one(
    desk: Desk, range_: World, merchant: Merchant
) -> None:
    desk.load("prices", price("sku:A", fixed_price="7"))

    assert desk.counts("prices", price("sku:A", fixed_price="6")) == (1, 0, 0)


def test_rows_are_refused_when_their_target_is_none(
    desk: Desk, range_: World, merchant: Merchant
) -> None:
    targets = ["category:nowhere", "brand:nobody", "brand:", "sku", "Sku:A", "everything", "all "]

    faults = desk.faults("prices", *(price(one, discount_percent="10") for one in targets[:-1]))

    assert faults == [(row, "applies_to", "field_invalid") for row in range(2, 8)]
    assert not PurchasePrice.objects.exists()
    assert desk.counts("prices", price(targets[-1], discount_percent="10")) == (1, 0, 0)


def test_brands_with_the_same_letters_are_told_apart(
    desk: Desk, range_: World, merchant: Merchant
) -> None:
    Brand.objects.create(name="acme")
    Brand.objects.create(name="ACME")

    desk.load(
        "prices",
        price("brand:acme", discount_percent="10"),
        price("brand:ACME", discount_percent="20"),
    )

    assert set(PurchasePrice.objects.values_list("brand__name", "discount_percent")) == {
        ("acme", Decimal("10.00")), ("ACME", Decimal("20.00")),
    }  # fmt: skip
