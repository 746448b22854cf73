"""Stock is answered from fewer facts than orders are placed on, and they are the same ones."""

from __future__ import annotations

import random

import pytest

from catalog.models import Sku, SkuRegion, Stock
from catalog.selectors.availability import (
    get_line_facts,
    read_delivery_facts,
    send_delivery_facts,
)
from openplatform.regions.models import Region
from tests.cast import REGIONS, Merchant, World

SKUS = 12
PLACES = ["110000", "110101", "310000", "440000", "440100", "440106", "650000"]


def make_goods(shop: World, drawn: random.Random) -> list[str]:
    """SKUs with stock in none, one or both warehouses, whose areas are drawn too."""
    for warehouse in (shop.north, shop.south):
        warehouse.serves.set(
            Region.objects.filter(code__in=drawn.sample(PLACES, drawn.randint(0, 3)))
        )
        warehouse.excludes.set(
            Region.objects.filter(code__in=drawn.sample(PLACES, drawn.randint(0, 1)))
        )
    codes = [f"S-{number}" for number in range(SKUS)]
    for code in codes:
        sku = shop.make_sku(
            code,
            north=drawn.choice([None, 0, 5]),
            south=drawn.choice([None, 0, 7]),
            shelf_state=drawn.choice(Sku.ShelfState.values),
            in_pool=drawn.random() < 0.9,
        )
        sku.stocks.filter(on_hand__gt=0).update(
            reserved=drawn.randint(0, 3), safety_quantity=drawn.choice([0, 2, 9])
        )
        for place in drawn.sample(PLACES, drawn.choice([0, 0, 1, 2])):
            SkuRegion.objects.create(
                sku=sku, region_id=place, kind=drawn.choice(SkuRegion.Kind.values)
            )
    return codes


@pytest.mark.parametrize("seed", range(8))
def test_facts_of_a_delivery_are_those_of_an_order_when_all_is_drawn(
    shop: World, merchant: Merchant, seed: int
) -> None:
    partner_id = merchant.partner.pk
    codes = make_goods(shop, random.Random(seed))

    for region in (None, *(row[0] for row in REGIONS)):
        sent = send_delivery_facts(partner_id=partner_id, codes=codes, region=region)
        delivery = read_delivery_facts(sent)
        lines = get_line_facts(partner_id=partner_id, codes=codes, region=region)

        assert {code: tuple(facts) for code, facts in delivery.items()} == {
            code: (code, facts.shelf_state, facts.is_served, facts.sellable)
            for code, facts in lines.items()
        }


def test_units_of_one_warehouse_do_not_make_up_for_another_that_keeps_more_than_it_has(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=5, south=5)
    Stock.objects.filter(warehouse=shop.south).update(safety_quantity=9)

    sent = send_delivery_facts(partner_id=merchant.partner.pk, codes=["A"], region=None)

    assert read_delivery_facts(sent)["A"] == ("A", "on_shelf", True, 5)
