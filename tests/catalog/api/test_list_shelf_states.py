from __future__ import annotations

from catalog.models import Sku
from tests.cast import Merchant, World


def test_shelf_states_are_told_when_asked_for(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A")
    shop.make_sku("B", shelf_state=Sku.ShelfState.OFF_SHELF)

    response = merchant.api.get("/catalog/shelf-states", sku="B,A,C")

    assert response.status_code == 200
    assert response.json() == {
        "results": [
            {"sku": "B", "shelf_state": "off_shelf"},
            {"sku": "A", "shelf_state": "on_shelf"},
            {"sku": "C", "error": "sku_not_available"},
        ]
    }
