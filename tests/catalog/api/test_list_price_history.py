"""GET /catalog/skus/{sku}/price-history."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from catalog.models import Brand, FormerPlacement, PriceChange, PurchasePrice, Sku
from openplatform.core.clock import PLATFORM_ZONE
from tests.cast import Api, Merchant, World
from tests.catalog.range import make_category

PATH = "/catalog/skus/A/price-history"
MADE = datetime(2026, 1, 1, tzinfo=PLATFORM_ZONE)
DAY = timedelta(days=1)
FIRST, SECOND, THIRD, LAST = (MADE + days * DAY for days in (10, 20, 30, 40))
YEAR = {"from": "2026-01-01T00:00:00+08:00", "to": "2026-12-01T00:00:00+08:00"}


@pytest.fixture
def sku(shop: World) -> Sku:
    """It cost 10.00, then 12.00."""
    made = shop.make_sku("A", price="12.00", floor_price="9.00", created_at=MADE)
    for moment, price in ((MADE, "10.00"), (SECOND, "12.00")):
        PriceChange.objects.create(
            sku=made, effective_at=moment, applied_at=moment, market_price="24.00",
            sale_price=price, floor_price="9.00",
        )  # fmt: skip
    return made


def spans(response: Any) -> list[tuple[str, str | None, str]]:
    return [
        (row["effective_at"], row["until"], row["purchase_price"])
        for row in response.json()["results"]
    ]


def test_each_price_is_told_with_its_time_when_prices_and_agreements_moved(
    sku: Sku, merchant: Merchant
) -> None:
    # Half price from the 10th day on; entered and replaced on the 30th, when it became a fixed one.
    common = {"partner": merchant.partner, "sku": sku, "starts_at": FIRST}
    PurchasePrice.objects.create(
        **common, discount_percent=50, created_at=MADE, superseded_at=THIRD
    )
    PurchasePrice.objects.create(**common, fixed_price="7.77", created_at=THIRD, ends_at=LAST)

    response = merchant.api.get(PATH, **YEAR)

    shown = {"market_price": "24.00", "floor_price": "9.00"}
    assert response.status_code == 200
    assert response.json() == {
        "sku": "A",
        "currency": "CNY",
        "results": [
            {
                "effective_at": "2026-01-01T00:00:00+08:00",
                "until": "2026-01-11T00:00:00+08:00",
                "sale_price": "10.00",
                "purchase_price": "10.00",
                **shown,
            },
            {
                "effective_at": "2026-01-11T00:00:00+08:00",
                "until": "2026-01-21T00:00:00+08:00",
                "sale_price": "10.00",
                "purchase_price": "5.00",
                **shown,
            },
            {
                "effective_at": "2026-01-21T00:00:00+08:00",
                "until": "2026-01-31T00:00:00+08:00",
                "sale_price": "12.00",
                "purchase_price": "6.00",
                **shown,
            },
            {
                "effective_at": "2026-01-31T00:00:00+08:00",
                "until": "2026-02-10T00:00:00+08:00",
                "sale_price": "12.00",
                "purchase_price": "7.77",
                **shown,
            },
            {
                "effective_at": "2026-02-10T00:00:00+08:00",
                "until": None,
                "sale_price": "12.00",
                "purchase_price": "12.00",
                **shown,
            },
        ],
    }


def test_only_the_period_asked_for_is_told(sku: Sku, merchant: Merchant) -> None:
    response = merchant.api.get(
        PATH, **{"from": "2026-01-21T00:00:00+08:00", "to": "2026-01-22T00:00:00Z"}
    )
    before = merchant.api.get(
        PATH, **{"from": "2026-01-20T00:00:00+08:00", "to": "2026-01-21T00:00:00+08:00"}
    )

    assert spans(response) == [("2026-01-21T00:00:00+08:00", None, "12.00")]
    assert spans(before) == [("2026-01-01T00:00:00+08:00", "2026-01-21T00:00:00+08:00", "10.00")]


def test_price_is_that_of_the_category_and_brand_of_that_day(sku: Sku, merchant: Merchant) -> None:
    place = make_category("place", "Place", None)
    brand = Brand.objects.create(name="brand")
    PurchasePrice.objects.create(
        partner=merchant.partner, category=place, discount_percent=50, starts_at=MADE,
        created_at=MADE,
    )  # fmt: skip
    PurchasePrice.objects.create(
        partner=merchant.partner, brand=brand, discount_percent=10, starts_at=MADE, created_at=MADE
    )
    FormerPlacement.objects.create(
        product=sku.product, category_path=place.path, brand=brand, until_at=FIRST
    )
    FormerPlacement.objects.create(
        product=sku.product, category_path=[], brand=brand, until_at=LAST
    )

    response = merchant.api.get(PATH, **YEAR)

    assert [price for _from, _until, price in spans(response)] == [
        "5.00", "9.00", "10.80", "12.00",
    ]  # fmt: skip


def test_what_is_to_come_is_told_when_no_end_is_asked_for(sku: Sku, merchant: Merchant) -> None:
    PriceChange.objects.create(
        sku=sku, effective_at=datetime(2999, 1, 1, tzinfo=PLATFORM_ZONE), market_price="24.00",
        sale_price="8.00", floor_price="9.00",
    )  # fmt: skip

    response = merchant.api.get(PATH)

    assert spans(response)[-1] == ("2999-01-01T00:00:00+08:00", None, "8.00")


def test_another_merchant_s_agreement_is_not_told(
    sku: Sku, merchant: Merchant, stranger: Merchant
) -> None:
    PurchasePrice.objects.create(
        partner=stranger.partner, discount_percent=50, starts_at=MADE, created_at=MADE
    )

    response = merchant.api.get(PATH, **YEAR)

    assert [price for _from, _until, price in spans(response)] == ["10.00", "12.00"]


def test_statements_are_four_however_long_the_history(
    sku: Sku, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    for day in range(40):
        PurchasePrice.objects.create(
            partner=merchant.partner, sku=sku, discount_percent=10 + day, created_at=MADE,
            starts_at=MADE + day * DAY,
        )  # fmt: skip
    merchant.api.get(PATH)  # from here on the key is known

    with django_assert_num_queries(6):  # the limits, the SKU, and four
        response = merchant.api.get(PATH, **YEAR)

    assert len(response.json()["results"]) == 40


@pytest.mark.parametrize(
    ("query", "status", "code", "pointer"),
    [
        ("?from=yesterday", 422, "field_invalid", "?from"),
        ("?from=", 422, "field_invalid", "?from"),
        ("?to=2026-01-01", 422, "field_invalid", "?to"),
        ("?to=2026-01-01T00:00:00", 422, "field_invalid", "?to"),
        ("?to=%00", 422, "field_invalid", "?to"),
        ("?from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z", 422, "field_invalid", "?to"),
        ("?from=2020-01-01T00:00:00Z", 422, "field_invalid", "?from"),
        ("?from=2026-01-01T00:00:00Z&to=9999-12-31T23:59:59Z", 422, "field_invalid", "?from"),
        ("?day=2026-01-01", 400, "filter_not_allowed", "?day"),
        (
            "?from=2026-01-01T00:00:00Z&from=2026-01-02T00:00:00Z", 422, "field_invalid", "?from",
        ),
    ],
)  # fmt: skip
def test_refused_when_the_query_is_wrong(
    sku: Sku, merchant: Merchant, *, query: str, status: int, code: str, pointer: str
) -> None:
    response = merchant.api.get(f"{PATH}{query}")

    assert response.status_code == status
    assert response.json()["code"] == code
    assert [fault["pointer"] for fault in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("moment", "status"),
    [
        ("0001-01-01T00:00:00%2B14:00", 422),
        ("0001-01-01T00:00:00Z", 422),
        ("9999-12-31T23:59:59-12:00", 200),
    ],
)
def test_times_at_the_edge_are_answered(
    sku: Sku, merchant: Merchant, moment: str, status: int
) -> None:
    assert merchant.api.get(f"{PATH}?to={moment}").status_code == status


def test_refused_when_the_sku_is_not_seen(sku: Sku, merchant: Merchant, stranger: Merchant) -> None:
    foreign = stranger.api.get(PATH)
    missing = merchant.api.get("/catalog/skus/NONE/price-history")

    assert (foreign.status_code, foreign.json()["code"]) == (404, "not_found")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


def test_refused_when_key_or_scope_is_missing(sku: Sku, merchant: Merchant) -> None:
    assert Api().get(PATH).json()["code"] == "key_missing"
    assert merchant.api_with("account:read").get(PATH).json()["code"] == "scope_missing"
