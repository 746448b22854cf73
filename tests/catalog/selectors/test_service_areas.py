"""Where a SKU is delivered: areas of warehouses, and limits of SKUs."""

from __future__ import annotations

import pytest
from django.db.models import QuerySet

from catalog.models import SkuRegion
from openplatform.regions.models import Region
from tests.cast import BEIJING, GUANGZHOU, SHANGHAI, URUMQI, Merchant, World, order_body

GUANGDONG, DONGGUAN = "440000", "441900"


def regions(*codes: str) -> QuerySet[Region]:
    return Region.objects.filter(code__in=codes)


def reason(merchant: Merchant, region: str | None, quantity: int = 1) -> str | None:
    """Why the SKU is not in stock there; None when it is. All doors give the same answer."""
    named = {} if region is None else {"region": region}
    single = merchant.api.get("/catalog/skus/A/stock", quantity=quantity, **named).json()
    body = {"items": [{"sku": "A", "quantity": quantity}], **named}
    [batch] = merchant.api.post("/catalog/stock-checks", body).json()["results"]
    [checked] = merchant.api.post("/catalog/availability-checks", body).json()["results"]
    told: str | None = single["reason"]
    assert batch["reason"] == told
    assert [fault["code"] for fault in checked["errors"]] == ([] if told is None else [told])
    return told


@pytest.mark.parametrize(
    ("area", "region", "is_served"),
    [
        (([GUANGDONG], []), GUANGZHOU, True),
        (([GUANGDONG], [GUANGZHOU]), GUANGZHOU, False),
        (([GUANGDONG], [GUANGZHOU]), "440100", True),  # in part, as far as it is known
        (([GUANGDONG], [GUANGZHOU]), GUANGDONG, True),
        (([GUANGDONG], ["440100"]), GUANGZHOU, False),
        (([GUANGDONG], ["440100"]), "440100", False),
        (([GUANGDONG], ["440100"]), DONGGUAN, True),
        (([GUANGDONG], [GUANGDONG]), DONGGUAN, False),
        (([GUANGZHOU], []), GUANGDONG, True),
        (([GUANGZHOU], ["440100"]), GUANGDONG, False),
        (([GUANGZHOU, DONGGUAN], ["440100"]), GUANGDONG, True),
        (([], ["650000"]), URUMQI, False),
        (([], ["650000"]), GUANGZHOU, True),
        (([], ["650000"]), None, True),
        (([GUANGDONG], [GUANGDONG]), None, False),
        (([DONGGUAN], ["441900003"]), "441900003", False),
        (([DONGGUAN], ["441900003"]), DONGGUAN, True),
    ],
)
def test_region_is_served_when_some_part_of_it_is_not_excluded(
    shop: World,
    merchant: Merchant,
    area: tuple[list[str], list[str]],
    region: str | None,
    is_served: bool,
) -> None:
    shop.make_sku("A", south=5)
    serves, excludes = area
    shop.south.serves.set(regions(*serves))
    shop.south.excludes.set(regions(*excludes))

    assert reason(merchant, region) == (None if is_served else "region_not_served")


@pytest.mark.parametrize(
    ("limits", "region", "is_served"),
    [
        ([("not_to", GUANGZHOU)], GUANGZHOU, False),
        ([("not_to", GUANGZHOU)], GUANGDONG, True),
        ([("not_to", GUANGDONG)], GUANGZHOU, False),
        ([("not_to", GUANGDONG)], BEIJING, True),
        ([("only_to", GUANGDONG)], BEIJING, False),
        ([("only_to", GUANGDONG)], GUANGZHOU, True),
        ([("only_to", GUANGZHOU)], GUANGDONG, True),
        ([("only_to", GUANGZHOU)], DONGGUAN, False),
        ([("only_to", "650000")], URUMQI, False),  # nobody ships there
        ([("only_to", GUANGDONG), ("not_to", "440100")], GUANGZHOU, False),
        ([("only_to", GUANGDONG), ("not_to", "440100")], DONGGUAN, True),
        ([("only_to", GUANGZHOU), ("not_to", "440100")], GUANGDONG, False),
    ],
)
def test_sku_is_delivered_where_its_limits_leave_a_part(
    shop: World, merchant: Merchant, limits: list[tuple[str, str]], region: str, is_served: bool
) -> None:
    sku = shop.make_sku("A", north=5, south=5)
    for kind, code in limits:
        SkuRegion.objects.create(sku=sku, region_id=code, kind=kind)
    shop.make_sku("B", south=5)

    assert reason(merchant, region) == (None if is_served else "region_not_served")
    assert merchant.api.get("/catalog/skus/B/stock", region=BEIJING).json()["in_stock"] is True


def test_units_of_a_warehouse_that_excludes_the_region_do_not_count(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=5, south=5)
    shop.north.excludes.set(regions(BEIJING))

    assert reason(merchant, BEIJING, 5) is None
    assert reason(merchant, BEIJING, 6) == "stock_insufficient"
    assert reason(merchant, "110000", 10) is None


def test_sku_without_any_stock_is_not_delivered_where_it_is_limited(
    shop: World, merchant: Merchant
) -> None:
    sku = shop.make_sku("A")
    SkuRegion.objects.create(sku=sku, region_id=BEIJING, kind="not_to")

    assert reason(merchant, BEIJING) == "region_not_served"
    assert reason(merchant, SHANGHAI) == "stock_insufficient"


def test_order_ships_from_a_warehouse_that_does_not_exclude_the_region(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=5, south=5)
    shop.north.excludes.set(regions("110100"))

    placed = merchant.api.post("/orders", order_body("M-1", [("A", 5)]))
    refused = merchant.api.post("/orders", order_body("M-2", [("A", 1)]))

    assert placed.status_code == 201
    assert shop.south.stocks.get().reserved == 5
    assert shop.north.stocks.get().reserved == 0
    assert (refused.status_code, refused.json()["code"]) == (409, "stock_insufficient")


def test_order_is_refused_when_the_sku_is_not_delivered_there(
    shop: World, merchant: Merchant
) -> None:
    sku = shop.make_sku("A", north=5)
    SkuRegion.objects.create(sku=sku, region_id=SHANGHAI, kind="only_to")

    refused = merchant.api.post("/orders", order_body())

    assert (refused.status_code, refused.json()["code"]) == (422, "region_not_served")
    assert shop.north.stocks.get().reserved == 0
