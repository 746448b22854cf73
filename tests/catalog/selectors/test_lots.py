"""In which order warehouses are asked to ship."""

from __future__ import annotations

from catalog.models import Stock, Warehouse
from catalog.selectors.availability import get_line_facts
from openplatform.regions.models import Region
from tests.cast import BEIJING, SHANGHAI, Merchant, World

RETIRED = "110109"


def make_warehouses(shop: World, *places: str, priority: int = 0) -> list[Warehouse]:
    """Warehouses that ship everywhere, each with a unit of A."""
    sku = shop.make_sku("A")
    made = [
        shop.make_warehouse(f"W{number}", place, [], priority=priority)
        for number, place in enumerate(places)
    ]
    Stock.objects.bulk_create(Stock(warehouse=one, sku=sku, on_hand=1) for one in made)
    return made


def order_of(merchant: Merchant, region: str | None) -> list[str]:
    """The warehouses of A, as they are asked to ship it."""
    facts = get_line_facts(partner_id=merchant.partner.pk, codes=["A"], region=region)
    lots = facts["A"].lots
    assert [lot.rank for lot in lots] == sorted({lot.rank for lot in lots})
    codes = dict(Warehouse.objects.values_list("pk", "code"))
    return [codes[lot.warehouse_id] for lot in lots]


def test_nearest_ships_first_when_priorities_are_equal(shop: World, merchant: Merchant) -> None:
    # another province, the same province, the same town's street, the same district
    make_warehouses(shop, "310115", "110000", "110101001", "110101")

    assert order_of(merchant, "110101001") == ["W2", "W3", "W1", "W0"]
    assert order_of(merchant, BEIJING) == ["W2", "W3", "W1", "W0"]
    assert order_of(merchant, SHANGHAI) == ["W0", "W1", "W2", "W3"]


def test_priority_counts_before_distance(shop: World, merchant: Merchant) -> None:
    far, near = make_warehouses(shop, "650102", "110101")
    Warehouse.objects.filter(pk=far.pk).update(priority=1)

    assert order_of(merchant, BEIJING) == [far.code, near.code]


def test_older_warehouse_ships_first_when_both_are_as_near(shop: World, merchant: Merchant) -> None:
    make_warehouses(shop, "440106", "650102", "310115")

    assert order_of(merchant, BEIJING) == ["W0", "W1", "W2"]
    assert order_of(merchant, None) == ["W0", "W1", "W2"]


def test_retired_codes_are_as_near_as_what_followed_them(shop: World, merchant: Merchant) -> None:
    Region.objects.create(
        code=RETIRED,
        parent_id="310100",
        level=3,
        name="旧区",
        path=["310000", "310100", RETIRED],
        path_name="上海市 上海市 旧区",
        has_children=False,
        is_retired=True,
        successor_id=BEIJING,
    )
    make_warehouses(shop, "310115", RETIRED)

    assert order_of(merchant, BEIJING) == ["W1", "W0"]
    assert order_of(merchant, RETIRED) == ["W1", "W0"]


def test_rank_is_the_same_for_all_goods_when_some_are_held_elsewhere(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("N", north=1)
    shop.make_sku("S", south=1)

    facts = get_line_facts(partner_id=merchant.partner.pk, codes=["N", "S"], region=BEIJING)

    assert [facts[code].lots[0].rank for code in ("N", "S")] == [1, 2]
