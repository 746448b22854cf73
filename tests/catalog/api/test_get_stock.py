from __future__ import annotations

from typing import Any

import pytest

from catalog.models import Sku, Stock
from openplatform.regions.models import Region
from tests.cast import BEIJING, GUANGZHOU, SHANGHAI, URUMQI, Api, Merchant, World

CHINA_NORTH, GUANGDONG, XINJIANG = "110000", "440000", "650000"


def answer(quantity: int, region: str | None, reason: str | None) -> dict[str, Any]:
    return {
        "sku": "A",
        "quantity": quantity,
        "region": region,
        "in_stock": reason is None,
        "reason": reason,
    }


def test_one_unit_anywhere_is_meant_when_nothing_is_said(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=1)

    response = merchant.api.get("/catalog/skus/A/stock")

    assert response.status_code == 200
    assert response.json() == answer(1, None, None)


@pytest.mark.parametrize(
    ("quantity", "region", "reason"),
    [
        # 7 units in the north (北京, 上海), 5 in the south (北京, 广东)
        (7, SHANGHAI, None),
        (8, SHANGHAI, "stock_insufficient"),
        (5, GUANGZHOU, None),
        (6, GUANGZHOU, "stock_insufficient"),
        (12, BEIJING, None),
        (13, BEIJING, "stock_insufficient"),
        (1, URUMQI, "region_not_served"),
        (1, XINJIANG, "region_not_served"),
        (12, CHINA_NORTH, None),
        (5, GUANGDONG, None),
        (6, GUANGDONG, "stock_insufficient"),
        (5, "441900003", None),
        (1_000_000, BEIJING, "stock_insufficient"),
    ],
)
def test_answer_adds_up_what_serves_the_region_when_one_is_named(
    shop: World, merchant: Merchant, quantity: int, region: str, reason: str | None
) -> None:
    shop.make_sku("A", north=7, south=5)

    response = merchant.api.get("/catalog/skus/A/stock", quantity=quantity, region=region)

    assert response.json() == answer(quantity, region, reason)


def test_all_warehouses_count_when_no_region_is_named(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=7, south=5)

    enough = merchant.api.get("/catalog/skus/A/stock", quantity=12)
    short = merchant.api.get("/catalog/skus/A/stock", quantity=13)

    assert enough.json() == answer(12, None, None)
    assert short.json() == answer(13, None, "stock_insufficient")


@pytest.mark.parametrize("region", ["440000", "440100", GUANGZHOU])
def test_part_served_region_is_served_when_a_district_of_it_is(
    shop: World, merchant: Merchant, region: str
) -> None:
    shop.south.serves.set(Region.objects.filter(code=GUANGZHOU))
    shop.make_sku("A", south=5)

    served = merchant.api.get("/catalog/skus/A/stock", region=region)
    elsewhere = merchant.api.get("/catalog/skus/A/stock", region="441900")

    assert served.json() == answer(1, region, None)
    assert elsewhere.json() == answer(1, "441900", "region_not_served")


def test_region_is_not_served_when_the_goods_lie_elsewhere(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=7)

    response = merchant.api.get("/catalog/skus/A/stock", region=GUANGZHOU)

    assert response.json() == answer(1, GUANGZHOU, "region_not_served")


def test_off_the_shelf_is_told_when_there_is_stock(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=7, shelf_state=Sku.ShelfState.OFF_SHELF)

    response = merchant.api.get("/catalog/skus/A/stock", region=SHANGHAI)

    assert response.json() == answer(1, SHANGHAI, "sku_off_shelf")


def test_stock_is_short_when_no_warehouse_ever_held_the_sku(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A")

    response = merchant.api.get("/catalog/skus/A/stock", region=SHANGHAI)

    assert response.json() == answer(1, SHANGHAI, "stock_insufficient")


def test_reserved_and_safety_units_do_not_count_when_asked(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    Stock.objects.update(reserved=4, safety_quantity=3)

    enough = merchant.api.get("/catalog/skus/A/stock", quantity=3)
    short = merchant.api.get("/catalog/skus/A/stock", quantity=4)

    assert enough.json() == answer(3, None, None)
    assert short.json() == answer(4, None, "stock_insufficient")


@pytest.mark.parametrize(
    "quantity",
    ["", "0", "-1", "+1", "01", "1.0", "1.5", "1e3", "1_000", " 1", "１", "true", "1000001",
     "2147483648", "9" * 5000, "\x00"],
)  # fmt: skip
def test_refused_when_the_quantity_is_none(shop: World, merchant: Merchant, quantity: str) -> None:
    shop.make_sku("A", north=1)

    response = merchant.api.get("/catalog/skus/A/stock", quantity=quantity)

    assert response.status_code == 422
    assert response.json()["code"] == "quantity_invalid"
    assert [fault["pointer"] for fault in response.json()["errors"]] == ["?quantity"]


@pytest.mark.parametrize("region", ["", "999999", "１１００００", "\x00", "beijing", "1" * 500])
def test_refused_when_the_region_is_unknown(shop: World, merchant: Merchant, region: str) -> None:
    shop.make_sku("A", north=1)

    response = merchant.api.get("/catalog/skus/A/stock", region=region)

    assert response.status_code == 422
    assert response.json()["code"] == "region_unknown"
    assert [fault["pointer"] for fault in response.json()["errors"]] == ["?region"]


def test_refused_when_the_region_is_retired(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=1)
    Region.objects.filter(code=SHANGHAI).update(is_retired=True)

    response = merchant.api.get("/catalog/skus/A/stock", region=SHANGHAI)

    assert response.status_code == 422
    assert response.json()["code"] == "region_unknown"


def test_refused_when_a_parameter_is_unknown(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=1)

    response = merchant.api.get("/catalog/skus/A/stock", warehouse="north")

    assert response.status_code == 400
    assert response.json()["code"] == "filter_not_allowed"


def test_not_found_when_a_stranger_asks(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.make_sku("A", north=1)

    response = stranger.api.get("/catalog/skus/A/stock", region=SHANGHAI)

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


@pytest.mark.parametrize("code", ["NONE", "１", "%00", "A%00"])
def test_not_found_when_there_is_no_such_code(shop: World, merchant: Merchant, code: str) -> None:
    shop.make_sku("A", north=1)

    response = merchant.api.get(f"/catalog/skus/{code}/stock")

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


def test_refused_when_no_key_is_sent(shop: World) -> None:
    response = Api().get("/catalog/skus/A/stock")

    assert response.status_code == 401
    assert response.json()["code"] == "key_missing"


def test_refused_when_the_scope_is_missing(shop: World, merchant: Merchant) -> None:
    response = merchant.api_with("account:read").get("/catalog/skus/A/stock")

    assert response.status_code == 403
    assert response.json()["code"] == "scope_missing"
