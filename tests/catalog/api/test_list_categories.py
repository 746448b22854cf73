from __future__ import annotations

from typing import Any

import pytest

from tests.cast import Api, Merchant, World
from tests.catalog.range import make_category, make_product

HOME = {"code": "home", "name": "家居", "level": 1}
KITCHEN = {"code": "kitchen", "name": "厨房", "level": 2}
KNIVES = {"code": "knives", "name": "刀具", "level": 3}


@pytest.fixture
def knives_shop(shop: World) -> World:
    """A knife three levels deep, a hidden rake in the garden, and nothing in the bath."""
    kitchen = make_category("kitchen", "厨房", shop.category)
    knives = make_category("knives", "刀具", kitchen)
    garden = make_category("garden", "花园", None)
    make_category("bath", "浴室", shop.category)
    shop.make_sku("KNIFE", product=make_product("P1", knives))
    shop.make_sku("RAKE", product=make_product("P2", garden), in_pool=False)
    return shop


def test_all_in_use_are_told_when_no_code_is_named(knives_shop: World, merchant: Merchant) -> None:
    response = merchant.api.get("/catalog/categories")

    assert response.status_code == 200
    assert response.json() == {
        "results": [
            {**HOME, "path": [HOME]},
            {**KITCHEN, "path": [HOME, KITCHEN]},
            {**KNIVES, "path": [HOME, KITCHEN, KNIVES]},
        ]
    }


def test_entries_keep_the_order_asked_when_some_are_not_in_use(
    knives_shop: World, merchant: Merchant
) -> None:
    response = merchant.api.get("/catalog/categories", code="knives,garden,home,bath,none,knives")

    assert response.status_code == 200
    assert response.json() == {
        "results": [
            {**KNIVES, "path": [HOME, KITCHEN, KNIVES]},
            {"code": "garden", "error": "not_found"},
            {**HOME, "path": [HOME]},
            {"code": "bath", "error": "not_found"},
            {"code": "none", "error": "not_found"},
            {**KNIVES, "path": [HOME, KITCHEN, KNIVES]},
        ]
    }


def test_nothing_is_told_when_a_stranger_asks(
    knives_shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    every = stranger.api.get("/catalog/categories")
    one = stranger.api.get("/catalog/categories", code="home")

    assert every.json() == {"results": []}
    assert one.json() == {"results": [{"code": "home", "error": "not_found"}]}


def test_few_queries_are_made_when_a_hundred_are_asked_for(
    shop: World, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    codes = [f"c-{number:03}" for number in range(100)]
    for code in codes:
        shop.make_sku(code, product=make_product(code, make_category(code, code, shop.category)))
    merchant.api.get("/catalog/categories", code="home")  # from here on the key is known

    with django_assert_num_queries(3):  # limits, how much the merchant sees, categories
        response = merchant.api.get("/catalog/categories", code=",".join(codes))

    assert [entry["code"] for entry in response.json()["results"]] == codes
    assert not any("error" in entry for entry in response.json()["results"])


@pytest.mark.parametrize(
    ("query", "status", "code", "pointer"),
    [
        ("code=", 422, "field_required", "?code"),
        (f"code={','.join(['home'] * 101)}", 422, "too_many_items", "?code"),
        ("code=%00", 422, "string_invalid", "?code"),
        ("limit=1", 400, "filter_not_allowed", "?limit"),
        ("code=home&level=1", 400, "filter_not_allowed", "?level"),
    ],
)
def test_refused_when_the_query_is_wrong(
    shop: World, merchant: Merchant, *, query: str, status: int, code: str, pointer: str
) -> None:
    response = merchant.api.get(f"/catalog/categories?{query}")

    assert response.status_code == status
    assert response.json()["code"] == code
    assert [fault["pointer"] for fault in response.json()["errors"]] == [pointer]


def test_refused_when_no_key_is_sent(shop: World) -> None:
    response = Api().get("/catalog/categories")

    assert response.status_code == 401
    assert response.json()["code"] == "key_missing"


def test_refused_when_the_scope_is_missing(shop: World, merchant: Merchant) -> None:
    response = merchant.api_with("account:read").get("/catalog/categories")

    assert response.status_code == 403
    assert response.json()["code"] == "scope_missing"
