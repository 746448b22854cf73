"""Stock answers about regions whose code was retired."""

from __future__ import annotations

from typing import Any

import pytest

from openplatform.regions.models import Region
from tests.cast import BEIJING, GUANGZHOU, SHANGHAI, Merchant, World

OLD = "440183"


@pytest.fixture
def retired(shop: World) -> Region:
    """A district that became a part of the one in 广州."""
    return Region.objects.create(
        code=OLD,
        parent_id="440100",
        level=3,
        name="增城市",
        path=["440000", "440100", OLD],
        path_name="广东省 广州市 增城市",
        has_children=False,
        is_retired=True,
        successor_id=GUANGZHOU,
    )


def stock(merchant: Merchant, region: str) -> dict[str, Any]:
    answer = merchant.api.get("/catalog/skus/A/stock", region=region).json()
    return {name: answer[name] for name in ("region", "in_stock", "reason")}


def served(region: str) -> dict[str, Any]:
    return {"region": region, "in_stock": True, "reason": None}


def not_served(region: str) -> dict[str, Any]:
    return {"region": region, "in_stock": False, "reason": "region_not_served"}


def test_answer_is_about_the_successor_when_the_region_is_retired(
    shop: World, merchant: Merchant, retired: Region
) -> None:
    shop.make_sku("A", south=5)

    assert stock(merchant, OLD) == served(GUANGZHOU)


def test_batch_is_about_the_successor_when_the_region_is_retired(
    shop: World, merchant: Merchant, retired: Region
) -> None:
    shop.make_sku("A", south=5)

    response = merchant.api.post(
        "/catalog/stock-checks",
        {"region": OLD, "items": [{"sku": "A", "quantity": 6}, {"sku": "NONE", "quantity": 1}]},
    )

    assert response.json()["results"] == [
        {
            "sku": "A",
            "quantity": 6,
            "region": GUANGZHOU,
            "in_stock": False,
            "reason": "stock_insufficient",
        },
        {"sku": "NONE", "error": "sku_not_available"},
    ]


def test_successor_of_another_province_counts_when_the_region_moved(
    shop: World, merchant: Merchant, retired: Region
) -> None:
    shop.make_sku("A", south=5)
    Region.objects.filter(code=OLD).update(successor_id=SHANGHAI)

    assert stock(merchant, OLD) == not_served(SHANGHAI)


def test_region_is_unknown_when_nothing_follows_the_retired_one(
    shop: World, merchant: Merchant, retired: Region
) -> None:
    shop.make_sku("A", south=5)
    Region.objects.filter(code=OLD).update(successor_id=None)

    response = merchant.api.get("/catalog/skus/A/stock", region=OLD)

    assert (response.status_code, response.json()["code"]) == (422, "region_unknown")


def test_successor_is_served_when_a_warehouse_names_the_retired_region(
    shop: World, merchant: Merchant, retired: Region
) -> None:
    shop.make_sku("A", south=5)
    shop.south.serves.set([retired])

    assert stock(merchant, GUANGZHOU) == served(GUANGZHOU)
    assert stock(merchant, OLD) == served(GUANGZHOU)
    assert stock(merchant, "440000") == served("440000")
    assert stock(merchant, BEIJING) == not_served(BEIJING)


def test_nothing_is_served_when_nothing_follows_the_warehouse_s_retired_region(
    shop: World, merchant: Merchant, retired: Region
) -> None:
    shop.make_sku("A", south=5)
    Region.objects.filter(code=OLD).update(successor_id=None)
    shop.south.serves.set([retired])

    assert stock(merchant, "440100") == not_served("440100")
