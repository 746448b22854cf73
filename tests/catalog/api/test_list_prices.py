from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from catalog.models import PriceChange, PurchasePrice
from tests.cast import Merchant, World

PAST = datetime(2026, 1, 1, tzinfo=UTC)
LATER_PAST = datetime(2026, 2, 1, tzinfo=UTC)
FUTURE = datetime(2999, 1, 1, tzinfo=UTC)
FIXED, PERCENT = {"fixed_price": Decimal("7.50")}, {"discount_percent": Decimal("15.00")}


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
        ([{"starts_at": PAST, **PERCENT}], "8.49"),  # 15 % off 9.99 leaves 8.4915
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


def test_next_change_is_told_when_something_is_to_come(
    shop: World, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    plain, agreed, scheduled = (shop.make_sku(code, price="10.00") for code in "ABC")
    PurchasePrice.objects.create(sku=agreed, partner=merchant.partner, starts_at=FUTURE, **FIXED)
    PriceChange.objects.create(
        sku=scheduled, effective_at=FUTURE, market_price="19.00", sale_price="9.00", floor_price="8"
    )
    merchant.api.get("/catalog/prices", sku="A")  # from here on the key is known

    with django_assert_num_queries(2):  # the limits, and the read
        alone = merchant.api.get("/catalog/prices", sku="A")
    with django_assert_num_queries(5):  # and three more for the SKUs that something is to come for
        response = merchant.api.get("/catalog/prices", sku="A,B,C")

    moment = "2999-01-01T08:00:00+08:00"
    assert alone.json()["results"][0]["next_change"] is None
    assert [entry["next_change"] for entry in response.json()["results"]] == [
        None,
        {
            "effective_at": moment,
            "market_price": "20.00",
            "sale_price": "10.00",
            "purchase_price": "7.50",
            "floor_price": None,
        },
        {
            "effective_at": moment,
            "market_price": "19.00",
            "sale_price": "9.00",
            "purchase_price": "9.00",
            "floor_price": "8.00",
        },
    ]
    assert plain.code == "A"


def test_statements_stay_as_many_when_something_is_to_come_for_a_hundred(
    shop: World, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    codes = [f"SKU-{number:03}" for number in range(100)]
    for code in codes:
        shop.make_sku(code, price="9.99")
    PurchasePrice.objects.create(partner=merchant.partner, starts_at=FUTURE, **PERCENT)
    merchant.api.get("/catalog/prices", sku=codes[0])

    with django_assert_num_queries(5):
        response = merchant.api.get("/catalog/prices", sku=",".join(codes))

    assert {entry["next_change"]["purchase_price"] for entry in response.json()["results"]} == {
        "8.49"
    }


def test_next_change_is_null_when_what_comes_changes_nothing(
    shop: World, merchant: Merchant
) -> None:
    sku = shop.make_sku("A", price="10.00")
    PurchasePrice.objects.create(sku=sku, partner=merchant.partner, starts_at=PAST, **FIXED)
    PurchasePrice.objects.create(partner=merchant.partner, starts_at=FUTURE, **PERCENT)

    entry = merchant.api.get("/catalog/prices", sku="A").json()["results"][0]

    assert (entry["purchase_price"], entry["next_change"]) == ("7.50", None)


def test_prices_that_are_due_count_when_no_worker_has_come_by(
    shop: World, merchant: Merchant
) -> None:
    sku = shop.make_sku("A", price="10.00", floor_price="9.00")
    for moment, price in ((PAST, "8.00"), (LATER_PAST, "6.00")):
        PriceChange.objects.create(
            sku=sku, effective_at=moment, market_price="19.00", sale_price=price
        )

    entry = merchant.api.get("/catalog/prices", sku="A").json()["results"][0]

    assert (entry["sale_price"], entry["purchase_price"]) == ("6.00", "6.00")
    assert (entry["market_price"], entry["floor_price"]) == ("19.00", None)
