from __future__ import annotations

from tests.cast import Merchant, World
from tests.catalog.range import SETTLED_TEXT, make_category, make_product, settle


def test_details_are_those_of_the_single_read_when_asked_for_together(
    shop: World, merchant: Merchant
) -> None:
    product = make_product("P", make_category("kitchen", "厨房", shop.category), unit="个")
    shop.make_sku("A", product=product, specs={"color": "red"})
    shop.make_sku("B", product=product, specs={"color": "blue"})
    shop.make_sku("C")
    settle(shop)

    response = merchant.api.get("/catalog/details", sku="C,B,A")

    assert response.status_code == 200
    assert response.json() == {
        "results": [merchant.api.get(f"/catalog/skus/{sku}").json() for sku in ("C", "B", "A")]
    }
    assert response.json()["results"][1] == {
        "sku": "B",
        "product": "P",
        "name": "商品 B",
        "brand": None,
        "category": {
            "code": "kitchen",
            "name": "厨房",
            "path": [
                {"code": "home", "name": "家居", "level": 1},
                {"code": "kitchen", "name": "厨房", "level": 2},
            ],
        },
        "unit": "个",
        "specs": {"color": "blue"},
        "attributes": {},
        "description": None,
        "images": [],
        "weight_grams": 500,
        "barcode": None,
        "tax_rate": "0.13",
        "min_quantity": 1,
        "quantity_step": 1,
        "siblings": ["A"],
        "shelf_state": "on_shelf",
        "updated_at": SETTLED_TEXT,
    }
