from __future__ import annotations

import pytest

from catalog.models import Brand, Sku, SkuImage
from tests.cast import Api, Merchant, World
from tests.catalog.range import SETTLED_TEXT, make_category, make_product, settle

HOME = {"code": "home", "name": "家居", "level": 1}
SAME_REQUEST = {"X-Request-Id": "same-request"}


def test_all_is_told_when_the_sku_is_visible(shop: World, merchant: Merchant) -> None:
    kitchen = make_category("kitchen", "厨房", shop.category)
    product = make_product(
        "P-PAN",
        kitchen,
        brand=Brand.objects.create(name="山火"),
        unit="口",
        attributes={"材质": "铸铁"},
        description="<p>平底锅</p>",
    )
    pan = shop.make_sku(
        "PAN-28",
        product=product,
        name="平底锅 28 cm",
        specs={"size": "28"},
        weight_grams=1800,
        barcode="6901234567892",
        tax_rate="0.0900",
        min_quantity=2,
        quantity_step=2,
    )
    shop.make_sku("PAN-30", product=product, shelf_state=Sku.ShelfState.OFF_SHELF)
    shop.make_sku("PAN-24", product=product)
    shop.make_sku("PAN-20", product=product, in_pool=False)
    SkuImage.objects.create(sku=pan, url="https://img.example/2.jpg", position=1)
    SkuImage.objects.create(
        sku=pan, url="https://img.example/1.jpg", position=0, width=800, height=600
    )
    settle(shop)

    response = merchant.api.get("/catalog/skus/PAN-28")

    assert response.status_code == 200
    assert response.json() == {
        "sku": "PAN-28",
        "product": "P-PAN",
        "name": "平底锅 28 cm",
        "brand": "山火",
        "category": {
            "code": "kitchen",
            "name": "厨房",
            "path": [HOME, {"code": "kitchen", "name": "厨房", "level": 2}],
        },
        "unit": "口",
        "specs": {"size": "28"},
        "attributes": {"材质": "铸铁"},
        "description": "<p>平底锅</p>",
        "images": [
            {
                "url": "https://img.example/1.jpg",
                "is_main": True,
                "position": 0,
                "width": 800,
                "height": 600,
                "sizes": [],
            },
            {
                "url": "https://img.example/2.jpg",
                "is_main": False,
                "position": 1,
                "width": None,
                "height": None,
                "sizes": [],
            },
        ],
        "weight_grams": 1800,
        "barcode": "6901234567892",
        "tax_rate": "0.09",
        "min_quantity": 2,
        "quantity_step": 2,
        "siblings": ["PAN-24", "PAN-30"],
        "shelf_state": "on_shelf",
        "updated_at": SETTLED_TEXT,
    }


def test_what_is_unknown_is_null_or_empty_when_the_sku_is_bare(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", weight_grams=0)
    settle(shop)

    response = merchant.api.get("/catalog/skus/A")

    assert response.json() == {
        "sku": "A",
        "product": "P-A",
        "name": "商品 A",
        "brand": None,
        "category": {"code": "home", "name": "家居", "path": [HOME]},
        "unit": None,
        "specs": {},
        "attributes": {},
        "description": None,
        "images": [],
        "weight_grams": 0,
        "barcode": None,
        "tax_rate": "0.13",
        "min_quantity": 1,
        "quantity_step": 1,
        "siblings": [],
        "shelf_state": "on_shelf",
        "updated_at": SETTLED_TEXT,
    }


def test_cost_price_is_not_told_when_there_is_one(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", cost_price="7.77")

    response = merchant.api.get("/catalog/skus/A")

    assert b"7.77" not in response.content


def test_sku_is_told_when_it_is_off_the_shelf(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", shelf_state=Sku.ShelfState.OFF_SHELF)

    response = merchant.api.get("/catalog/skus/A")

    assert response.status_code == 200
    assert response.json()["shelf_state"] == "off_shelf"


def test_not_found_when_a_stranger_asks(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.make_sku("A")

    hidden = stranger.api.request("GET", "/catalog/skus/A", headers=SAME_REQUEST)
    missing = stranger.api.request("GET", "/catalog/skus/NONE", headers=SAME_REQUEST)

    assert hidden.status_code == 404
    assert hidden.json()["code"] == "not_found"
    assert hidden.json() == missing.json()


@pytest.mark.parametrize(
    "code",
    ["NONE", "a", "１", "%EF%BC%91", "%00", "A%00", "A%0A", "A/", "../", "%2E%2E%2F", "x" * 65],
)
def test_not_found_when_there_is_no_such_code(shop: World, merchant: Merchant, code: str) -> None:
    shop.make_sku("A")

    response = merchant.api.get(f"/catalog/skus/{code}")

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


def test_refused_when_a_parameter_is_sent(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A")

    response = merchant.api.get("/catalog/skus/A?fields=name")

    assert response.status_code == 400
    assert response.json()["code"] == "filter_not_allowed"


def test_refused_when_no_key_is_sent(shop: World) -> None:
    response = Api().get("/catalog/skus/A")

    assert response.status_code == 401
    assert response.json()["code"] == "key_missing"


def test_refused_when_the_scope_is_missing(shop: World, merchant: Merchant) -> None:
    response = merchant.api_with("account:read").get("/catalog/skus/A")

    assert response.status_code == 403
    assert response.json()["code"] == "scope_missing"
