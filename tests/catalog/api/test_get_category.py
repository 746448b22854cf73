from __future__ import annotations

import pytest

from tests.cast import Api, Merchant, World
from tests.catalog.range import make_category, make_product

HOME = {"code": "home", "name": "家居", "level": 1}
KITCHEN = {"code": "kitchen", "name": "厨房", "level": 2}


def test_category_is_told_when_goods_stand_in_it(shop: World, merchant: Merchant) -> None:
    kitchen = make_category("kitchen", "厨房", shop.category)
    shop.make_sku("PAN", product=make_product("P", kitchen))

    response = merchant.api.get("/catalog/categories/kitchen")

    assert response.status_code == 200
    assert response.json() == {**KITCHEN, "path": [HOME, KITCHEN]}


def test_category_is_told_when_goods_stand_below_it(shop: World, merchant: Merchant) -> None:
    kitchen = make_category("kitchen", "厨房", shop.category)
    shop.make_sku("PAN", product=make_product("P", kitchen))

    response = merchant.api.get("/catalog/categories/home")

    assert response.json() == {**HOME, "path": [HOME]}


def test_not_found_when_its_goods_are_not_visible(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.make_sku("PAN", in_pool=False)

    unseen = merchant.api.get("/catalog/categories/home")
    shop.make_sku("LAMP")
    strange = stranger.api.get("/catalog/categories/home")

    assert unseen.status_code == 404
    assert strange.status_code == 404
    assert merchant.api.get("/catalog/categories/home").status_code == 200


@pytest.mark.parametrize("code", ["none", "HOME", "１", "%00", "home%00", "home/", "x" * 65])
def test_not_found_when_there_is_no_such_code(shop: World, merchant: Merchant, code: str) -> None:
    shop.make_sku("LAMP")

    response = merchant.api.get(f"/catalog/categories/{code}")

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


def test_refused_when_a_parameter_is_sent(shop: World, merchant: Merchant) -> None:
    response = merchant.api.get("/catalog/categories/home?code=home")

    assert response.status_code == 400
    assert response.json()["code"] == "filter_not_allowed"


def test_refused_when_no_key_is_sent(shop: World) -> None:
    response = Api().get("/catalog/categories/home")

    assert response.status_code == 401
    assert response.json()["code"] == "key_missing"


def test_refused_when_the_scope_is_missing(shop: World, merchant: Merchant) -> None:
    response = merchant.api_with("account:read").get("/catalog/categories/home")

    assert response.status_code == 403
    assert response.json()["code"] == "scope_missing"
