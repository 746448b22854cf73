from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from catalog.models import Brand, Pool, PoolAssignment, PoolMembership, Sku
from catalog.services.base_prices import BasePrices, set_prices
from catalog.services.changes import tell_updated
from catalog.services.pricing import PriceDraft, make_agreement
from openplatform.core import clock
from tests.cast import Api, Merchant, World
from tests.catalog.pools import assign_partners, curate_pool
from tests.catalog.range import (
    LATER,
    LATER_TEXT,
    SETTLED_AT,
    SETTLED_TEXT,
    codes_of,
    make_category,
    make_product,
    settle,
)


def follow(api: Api, response: Any) -> Any:
    """The page that ``next`` names."""
    return api.get(response.json()["next"].partition("/api/v1")[2])


def test_skus_are_listed_by_code_when_nothing_is_asked(shop: World, merchant: Merchant) -> None:
    shop.make_sku("B", shelf_state=Sku.ShelfState.OFF_SHELF)
    shop.make_sku("A")
    shop.make_sku("C", in_pool=False)
    settle(shop)

    response = merchant.api.get("/catalog/skus")

    assert response.status_code == 200
    assert response.json() == {
        "results": [
            {
                "sku": "A",
                "shelf_state": "on_shelf",
                "category": "home",
                "updated_at": SETTLED_TEXT,
            },
            {
                "sku": "B",
                "shelf_state": "off_shelf",
                "category": "home",
                "updated_at": SETTLED_TEXT,
            },
        ],
        "next": None,
    }


def test_list_is_empty_when_no_pool_is_assigned(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.make_sku("A")

    by_code = stranger.api.get("/catalog/skus")
    by_update = stranger.api.get("/catalog/skus", updated_after="2000-01-01T00:00:00Z")

    assert by_code.json() == {"results": [], "next": None}
    assert by_update.json()["results"] == []


def test_sku_is_listed_once_when_two_pools_show_it(shop: World, merchant: Merchant) -> None:
    sku = shop.make_sku("A")
    second = Pool.objects.create(code="second", name="Second")
    PoolMembership.objects.create(pool=second, sku=sku)
    PoolAssignment.objects.create(pool=second, partner=merchant.partner)

    by_code = merchant.api.get("/catalog/skus")
    by_update = merchant.api.get("/catalog/skus", updated_after="2000-01-01T00:00:00Z")

    assert codes_of(by_code) == codes_of(by_update) == ["A"]


def test_no_row_is_skipped_or_repeated_when_rows_are_added_between_pages(
    shop: World, merchant: Merchant
) -> None:
    for code in ("B", "D", "F"):
        shop.make_sku(code)

    first = merchant.api.get("/catalog/skus", limit=2)
    shop.make_sku("A")
    shop.make_sku("E")
    second = follow(merchant.api, first)

    assert codes_of(first) == ["B", "D"]
    assert codes_of(second) == ["E", "F"]
    assert second.json()["next"] is None


def test_filters_stay_when_the_next_page_is_followed(shop: World, merchant: Merchant) -> None:
    for code in ("A1", "B", "A2", "A3"):
        shop.make_sku(code)

    first = merchant.api.get("/catalog/skus", limit=2, q="商品 a")
    second = follow(merchant.api, first)

    assert codes_of(first) == ["A1", "A2"]
    assert codes_of(second) == ["A3"]


def test_skus_come_by_time_and_code_when_asked_for_updates(shop: World, merchant: Merchant) -> None:
    for code in ("A", "B", "C", "D"):
        shop.make_sku(code)
    settle(shop)
    Sku.objects.filter(code="A").update(updated_at=LATER)
    Sku.objects.filter(code="D").update(updated_at=LATER - timedelta(microseconds=1))

    first = merchant.api.get("/catalog/skus", updated_after=SETTLED_TEXT, limit=3)
    second = follow(merchant.api, first)

    assert codes_of(first) == ["B", "C", "D"]
    assert second.json()["results"] == [
        {"sku": "A", "shelf_state": "on_shelf", "category": "home", "updated_at": LATER_TEXT}
    ]
    assert second.json()["next"] is None


def test_bound_is_inclusive_when_asked_for_updates(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A")
    shop.make_sku("B")
    settle(shop)
    Sku.objects.filter(code="B").update(updated_at=LATER)

    at_bound = merchant.api.get("/catalog/skus", updated_after=LATER_TEXT)
    behind = merchant.api.get(
        "/catalog/skus", updated_after=(LATER + timedelta(microseconds=1)).isoformat()
    )

    assert codes_of(at_bound) == ["B"]
    assert codes_of(behind) == []


def test_as_of_is_earlier_than_the_request_when_asked_for_updates(
    shop: World, merchant: Merchant
) -> None:
    asked_at = clock.now()

    body = merchant.api.get("/catalog/skus", updated_after="2026-01-01T00:00:00Z").json()

    as_of = datetime.fromisoformat(body["as_of"])
    assert asked_at - timedelta(minutes=10) < as_of < asked_at
    assert "as_of" not in merchant.api.get("/catalog/skus").json()


def _touch_sku(sku: Sku, merchant: Merchant) -> None:
    with transaction.atomic():
        tell_updated(fields={sku.pk: ("unit",)}, now=LATER)


def _leave_and_rejoin(sku: Sku, merchant: Merchant) -> None:
    curate_pool(pool_code="pool", remove=["A"], actor="test", now=SETTLED_AT)
    curate_pool(pool_code="pool", add=["A"], actor="test", now=LATER)


def _open_again(sku: Sku, merchant: Merchant) -> None:
    assign_partners(pool_code="pool", partner_codes=[], actor="test", now=SETTLED_AT)
    assign_partners(pool_code="pool", partner_codes=["acme"], actor="test", now=LATER)


def _agree(sku: Sku, merchant: Merchant) -> None:
    draft = PriceDraft(merchant.partner.pk, sku.pk, Decimal("9.00"), None)
    make_agreement(draft=draft, actor="test", now=LATER)


def _agree_ahead(sku: Sku, merchant: Merchant) -> None:
    start = datetime(2999, 1, 1, tzinfo=UTC)  # `next_change` of the prices is another one at once
    draft = PriceDraft(merchant.partner.pk, sku.pk, Decimal("9.00"), None, starts_at=start)
    make_agreement(draft=draft, actor="test", now=LATER)


def _reprice(sku: Sku, merchant: Merchant) -> None:
    prices = BasePrices(Decimal("20.00"), Decimal("9.50"), None, None)
    with transaction.atomic():
        set_prices(prices={sku.pk: prices}, actor="test", now=LATER)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "change", [_touch_sku, _leave_and_rejoin, _open_again, _agree, _agree_ahead, _reprice]
)
def test_updated_at_moves_when_what_the_merchant_sees_changes(
    shop: World, merchant: Merchant, change: Any
) -> None:
    sku = shop.make_sku("A")
    settle(shop)

    change(sku, merchant)
    by_code = merchant.api.get("/catalog/skus")
    by_update = merchant.api.get("/catalog/skus", updated_after=LATER_TEXT)
    detail = merchant.api.get("/catalog/skus/A")

    assert [row["updated_at"] for row in by_code.json()["results"]] == [LATER_TEXT]
    assert by_update.json()["results"] == by_code.json()["results"]
    assert detail.json()["updated_at"] == LATER_TEXT


@pytest.mark.django_db(transaction=True)
def test_updated_at_stays_when_a_change_is_another_merchants(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    sku = shop.make_sku("A")
    settle(shop)

    codes = ["acme", "stranger"]
    assign_partners(pool_code="pool", partner_codes=codes, actor="test", now=LATER)
    _agree(sku, stranger)
    response = merchant.api.get("/catalog/skus")

    assert [row["updated_at"] for row in response.json()["results"]] == [SETTLED_TEXT]


@pytest.mark.parametrize(
    ("filters", "codes"),
    [
        ({"category": "home"}, ["A", "B", "C"]),
        ({"category": "kitchen"}, ["B", "C"]),
        ({"category": "knives"}, ["C"]),
        ({"category": "garden"}, []),
        ({"category": "nowhere"}, []),
        ({"category": "１"}, []),
        ({"shelf_state": "on_shelf"}, ["A", "B"]),
        ({"shelf_state": "off_shelf"}, ["C"]),
        ({"shelf_state": "on_shelf", "category": "kitchen"}, ["B"]),
        ({"q": "厨师"}, ["C"]),
        ({"q": "师"}, ["C"]),
        ({"q": "PAN"}, ["B"]),
        ({"q": "ｐａｎ"}, ["B"]),
        ({"q": "69012"}, ["A"]),
        ({"q": "６９０１２"}, ["A"]),
        ({"q": "WÜST"}, ["B"]),
        ({"q": "off pan"}, ["B"]),
        ({"q": "pan　wüsthof"}, ["B"]),
        ({"q": "pan 厨师"}, []),
        ({"q": "c"}, ["C"]),
        ({"q": "师厨"}, []),
        ({"q": "a" * 200}, []),
        ({"q": "厨 " * 100}, ["C"]),
        ({"q": " "}, ["A", "B", "C"]),
        ({"q": "50%"}, ["B"]),
        ({"q": "_"}, []),
        ({"q": "\\"}, []),
        ({"q": "' OR 1=1 --"}, []),
    ],
)
def test_only_matching_skus_are_listed_when_filtered(
    shop: World, merchant: Merchant, filters: dict[str, str], codes: list[str]
) -> None:
    kitchen = make_category("kitchen", "厨房", shop.category)
    knives = make_category("knives", "刀具", kitchen)
    make_category("garden", "花园", None)
    shop.make_sku("A", name="台灯", barcode="6901234567892")
    brand = Brand.objects.create(name="Wüsthof")
    shop.make_sku("B", name="Pan 50% off", product=make_product("P1", kitchen, brand=brand))
    shop.make_sku(
        "C",
        name="厨师刀",
        product=make_product("P2", knives),
        shelf_state=Sku.ShelfState.OFF_SHELF,
    )

    by_code = merchant.api.get("/catalog/skus", **filters)
    by_update = merchant.api.get("/catalog/skus", updated_after="2000-01-01T00:00:00Z", **filters)

    assert codes_of(by_code) == codes
    assert sorted(codes_of(by_update)) == codes


@pytest.mark.parametrize(
    ("query", "status", "code", "pointer"),
    [
        ("category__name=x", 400, "filter_not_allowed", "?category__name"),
        ("ordering=secret", 400, "filter_not_allowed", "?ordering"),
        ("sku=A", 400, "filter_not_allowed", "?sku"),
        ("shelf_state=sold", 422, "field_invalid", "?shelf_state"),
        ("updated_after=yesterday", 422, "field_invalid", "?updated_after"),
        ("updated_after=", 422, "field_invalid", "?updated_after"),
        ("q=", 422, "field_invalid", "?q"),
        ("updated_after=2026-01-01T00:00:00", 422, "field_invalid", "?updated_after"),
        ("q=%00", 422, "string_invalid", "?q"),
        ("category=%00", 422, "string_invalid", "?category"),
        (f"q={'x' * 201}", 422, "field_invalid", "?q"),
        (f"q={'x' * 102_400}", 422, "field_invalid", "?q"),
        ("limit=1000000000", 422, "field_invalid", "?limit"),
        ("limit=0", 422, "field_invalid", "?limit"),
        ("limit=１", 422, "field_invalid", "?limit"),
    ],
)
def test_refused_when_a_parameter_is_wrong(
    shop: World, merchant: Merchant, *, query: str, status: int, code: str, pointer: str
) -> None:
    response = merchant.api.get(f"/catalog/skus?{query}")

    assert response.status_code == status
    assert response.json()["code"] == code
    assert [fault["pointer"] for fault in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize("order", ["", "&updated_after=2000-01-01T00:00:00Z"])
@pytest.mark.parametrize("cursor", ["", "x", "WyJBIl0", "WyJBIl0:forged", "%00", "１" * 300])
def test_refused_when_the_cursor_is_forged(
    shop: World, merchant: Merchant, cursor: str, order: str
) -> None:
    response = merchant.api.get(f"/catalog/skus?cursor={cursor}{order}")

    assert response.status_code == 400
    assert response.json()["code"] == "cursor_invalid"


def test_refused_when_the_cursor_is_of_the_other_order(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A")
    shop.make_sku("B")
    following = merchant.api.get("/catalog/skus", limit=1).json()["next"]

    response = merchant.api.get(
        f"{following.partition('/api/v1')[2]}&updated_after=2000-01-01T00:00:00Z"
    )

    assert response.status_code == 400
    assert response.json()["code"] == "cursor_invalid"


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 3),  # limits, how much the merchant sees, page
        ({"updated_after": "2000-01-01T00:00:00Z"}, 4),  # and `as_of`
        ({"q": "商品"}, 4),  # and the words
        ({"category": "home", "shelf_state": "on_shelf"}, 3),
    ],
)
def test_page_takes_few_statements_when_it_is_full(
    shop: World,
    merchant: Merchant,
    django_assert_num_queries: Any,
    filters: dict[str, str],
    count: int,
) -> None:
    for number in range(100):
        shop.make_sku(f"SKU-{number:03}")
    merchant.api.get("/catalog/skus", limit=1)  # from here on the key is known

    with django_assert_num_queries(count):
        response = merchant.api.get("/catalog/skus", limit=100, **filters)

    assert len(response.json()["results"]) == 100


def test_refused_when_no_key_is_sent(shop: World) -> None:
    response = Api().get("/catalog/skus")

    assert response.status_code == 401
    assert response.json()["code"] == "key_missing"


def test_refused_when_the_scope_is_missing(shop: World, merchant: Merchant) -> None:
    response = merchant.api_with("account:read").get("/catalog/skus")

    assert response.status_code == 403
    assert response.json()["code"] == "scope_missing"
