from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from catalog.models import PurchasePrice
from tests.cast import Merchant, World

PAST = datetime(2026, 1, 1, tzinfo=UTC)
LATER_PAST = datetime(2026, 2, 1, tzinfo=UTC)
FUTURE = datetime(2999, 1, 1, tzinfo=UTC)
FIXED, PERCENT = {"fixed_price": Decimal("7.50")}, {"discount_percent": Decimal("85.00")}


def test_prices_are_told_when_asked_for(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", price="128.50", floor_price="99.90", tax_rate="0.09")
    shop.make_sku("B", price="10.00")

    response = merchant.api.get("/catalog/prices", sku="B,A")

    assert response.status_code == 200
    assert response.json() == {
        "results": [
            {
                "sku": "B",
                "market_price": "20.00",
                "sale_price": "10.00",
                "purchase_price": "10.00",
                "floor_price": None,
                "currency": "CNY",
                "tax_rate": "0.13",
                "next_change": None,
            },
            {
                "sku": "A",
                "market_price": "257.00",
                "sale_price": "128.50",
                "purchase_price": "128.50",
                "floor_price": "99.90",
                "currency": "CNY",
                "tax_rate": "0.09",
                "next_change": None,
            },
        ]
    }


@pytest.mark.parametrize(
    ("agreements", "price"),
    [
        ([{"starts_at": PAST, **FIXED}], "7.50"),
        ([{"starts_at": PAST, **PERCENT}], "8.49"),  # 85 % of 9.99 is 8.4915
        ([{"starts_at": FUTURE, **FIXED}], "9.99"),
        ([{"starts_at": PAST, "ends_at": LATER_PAST, **FIXED}], "9.99"),
        ([{"starts_at": PAST, **FIXED}, {"starts_at": LATER_PAST, **PERCENT}], "8.49"),
        ([{"starts_at": PAST, **PERCENT}, {"starts_at": FUTURE, **FIXED}], "8.49"),
    ],
)
def test_purchase_price_is_the_merchants_own_when_agreed(
    shop: World, merchant: Merchant, agreements: list[dict[str, Any]], price: str
) -> None:
    sku = shop.make_sku("A", price="9.99")
    for agreement in agreements:
        PurchasePrice.objects.create(sku=sku, partner=merchant.partner, **agreement)

    entry = merchant.api.get("/catalog/prices", sku="A").json()["results"][0]

    assert entry["purchase_price"] == price
    assert entry["sale_price"] == "9.99"


def test_purchase_price_is_the_sale_price_when_another_merchant_agreed(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    sku = shop.make_sku("A", price="9.99")
    PurchasePrice.objects.create(sku=sku, partner=stranger.partner, starts_at=PAST, **FIXED)

    entry = merchant.api.get("/catalog/prices", sku="A").json()["results"][0]

    assert entry["purchase_price"] == "9.99"
