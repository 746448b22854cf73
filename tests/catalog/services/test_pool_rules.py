"""Pools follow their rules, exclusions always win, and hands and rules do not get into each
other's way."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from catalog.models import (
    Brand,
    Category,
    Pool,
    PoolChange,
    PoolExclusion,
    PoolHint,
    PoolMembership,
    PoolRule,
    Product,
    Sku,
)
from catalog.services.changes import hint_pools
from catalog.services.pool_rules import apply_pool_rules, sweep_pool_rules
from openplatform.messaging.models import Outbox
from tests.cast import Merchant, World
from tests.catalog.pools import curate_pool
from tests.racing import race

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def hint(*skus: Sku, pools: tuple[Pool, ...] = ()) -> None:
    """Something that rules look at has moved."""
    with transaction.atomic():
        hint_pools(sku_ids=[sku.pk for sku in skus], pool_ids=[pool.pk for pool in pools])


def members(pool: Pool | None = None) -> dict[str, bool]:
    """The SKUs of a pool, and whether each was picked by hand."""
    rows = PoolMembership.objects.filter(**({"pool": pool} if pool else {}))
    return dict(rows.values_list("sku__code", "is_picked"))


def history() -> list[tuple[str, str, str]]:
    """The pool changes, oldest first."""
    return list(PoolChange.objects.order_by("id").values_list("sku__code", "kind", "cause"))


def told() -> list[tuple[str, list[str]]]:
    """What waits for the sequencer; emptied."""
    rows = [(row.type, row.data["skus"]) for row in Outbox.objects.order_by("id")]
    Outbox.objects.all().delete()
    return rows


def curate(**asked: Any) -> None:
    """An operator changes the pool."""
    curate_pool(pool_code="pool", **asked, actor="operator", now=NOW)


@pytest.fixture
def cheap(shop: World) -> PoolRule:
    """The pool of the shop takes in whatever costs at most 20."""
    return PoolRule.objects.create(pool=shop.pool, max_price=Decimal("20.00"))


def test_skus_follow_a_price_range_when_hints_are_taken_up(shop: World, merchant: Merchant) -> None:
    PoolRule.objects.create(pool=shop.pool, min_price=Decimal("10"), max_price=Decimal("20"))
    skus = [
        shop.make_sku(code, price=price, in_pool=False)
        for code, price in (("A", "9.99"), ("B", "10.00"), ("C", "20.00"), ("D", "20.01"))
    ]
    hint(*skus)

    assert apply_pool_rules() == 4

    assert members() == {"B": False, "C": False}
    assert history() == [("B", "added", "rule"), ("C", "added", "rule")]
    assert told() == [("pool.sku_added", ["B", "C"])]
    assert not PoolHint.objects.exists()
    assert apply_pool_rules() == 0


def test_sku_leaves_when_no_rule_matches_it_any_more(
    shop: World, merchant: Merchant, cheap: PoolRule
) -> None:
    brought = shop.make_sku("A", in_pool=False)
    picked = shop.make_sku("B")
    hint(brought, picked)
    apply_pool_rules()
    told()

    Sku.objects.update(sale_price=Decimal("30.00"))
    hint(brought, picked)
    apply_pool_rules()

    assert members() == {"B": True}
    assert history() == [("A", "added", "rule"), ("A", "removed", "rule")]
    assert told() == [("pool.sku_removed", ["A"])]


def test_only_hinted_skus_are_looked_at(shop: World, cheap: PoolRule) -> None:
    hinted = shop.make_sku("A", in_pool=False)
    shop.make_sku("B", in_pool=False)
    hint(hinted)

    apply_pool_rules()

    assert members() == {"A": False}


def test_whole_pool_is_looked_at_when_the_hint_names_it(shop: World, cheap: PoolRule) -> None:
    shop.make_sku("A", in_pool=False)
    shop.make_sku("B", in_pool=False)
    hint(pools=(shop.pool,))

    apply_pool_rules()

    assert members() == {"A": False, "B": False}


def test_sweep_finds_what_nobody_hinted_at(shop: World, cheap: PoolRule) -> None:
    shop.make_sku("A", in_pool=False)
    orphan = Pool.objects.create(code="orphan", name="Orphan")  # its rule is gone
    PoolMembership.objects.create(pool=orphan, sku=shop.make_sku("B", price="30"), is_picked=False)

    sweep_pool_rules()

    assert members(shop.pool) == {"A": False, "B": True}
    assert members(orphan) == {}


def test_rule_of_a_category_has_what_is_below_it(shop: World) -> None:
    below = Category.objects.create(
        code="lamps", name="Lamps", level=2, parent=shop.category, path=[]
    )
    Category.objects.filter(pk=below.pk).update(path=[shop.category.pk, below.pk])
    elsewhere = Category.objects.create(code="toys", name="Toys", level=1, path=[])
    Category.objects.filter(pk=elsewhere.pk).update(path=[elsewhere.pk])
    inside, outside = (shop.make_sku(code, in_pool=False) for code in ("IN", "OUT"))
    Product.objects.filter(pk=inside.product_id).update(category=below)
    Product.objects.filter(pk=outside.product_id).update(category=elsewhere)
    PoolRule.objects.create(pool=shop.pool, category=shop.category)
    hint(inside, outside)

    apply_pool_rules()

    assert members() == {"IN": False}


def test_all_conditions_of_one_rule_have_to_be_met(shop: World) -> None:
    brand = Brand.objects.create(name="Brand")
    both, cheap, branded = (shop.make_sku(code, in_pool=False) for code in ("AB", "A", "B"))
    Product.objects.filter(pk__in=[both.product_id, branded.product_id]).update(brand=brand)
    Sku.objects.filter(pk=branded.pk).update(sale_price=Decimal("50.00"))
    PoolRule.objects.create(pool=shop.pool, brand=brand, max_price=Decimal("20.00"))
    hint(both, cheap, branded)

    apply_pool_rules()

    assert members() == {"AB": False}


def test_excluded_sku_stays_out_whatever_a_rule_says(
    shop: World, merchant: Merchant, cheap: PoolRule
) -> None:
    sku = shop.make_sku("A", in_pool=False)
    PoolExclusion.objects.create(pool=shop.pool, sku=sku)
    hint(sku)

    apply_pool_rules()
    sweep_pool_rules()

    assert members() == {}
    assert told() == []


def test_sku_that_a_rule_brought_is_excluded_when_it_is_taken_out(
    shop: World, merchant: Merchant, cheap: PoolRule
) -> None:
    sku = shop.make_sku("A", in_pool=False)
    hint(sku)
    apply_pool_rules()
    told()

    curate(remove=["A"])
    hint(sku)
    apply_pool_rules()

    assert members() == {}
    assert PoolExclusion.objects.get().sku == sku
    assert history() == [("A", "added", "rule"), ("A", "removed", "excluded")]
    assert told() == [("pool.sku_removed", ["A"])]


def test_rule_brings_it_back_when_the_exclusion_is_lifted(
    shop: World, merchant: Merchant, cheap: PoolRule
) -> None:
    shop.make_sku("A")
    curate(exclude=["A"])
    told()

    curate(readmit=["A"])

    assert members() == {"A": False}
    assert told() == [("pool.sku_added", ["A"])]


def test_sku_stays_without_its_rule_when_it_was_picked_as_well(
    shop: World, merchant: Merchant, cheap: PoolRule
) -> None:
    sku = shop.make_sku("A", in_pool=False)
    hint(sku)
    apply_pool_rules()
    told()

    curate(add=["A"])
    cheap.delete()
    hint(pools=(shop.pool,))
    apply_pool_rules()

    assert members() == {"A": True}
    assert told() == []
    assert history() == [("A", "added", "rule")]


@pytest.mark.django_db(transaction=True)
def test_exclusion_wins_when_it_races_with_the_rules(shop: World, cheap: PoolRule) -> None:
    sku = shop.make_sku("A", in_pool=False)
    for _round in range(5):
        hint(sku)

        results = race(apply_pool_rules, lambda: curate(exclude=["A"]), apply_pool_rules)

        assert sorted(results, key=str) == [0, 1, None]
        assert members() == {}
        assert PoolExclusion.objects.count() == 1
        in_and_out = [kind for _code, kind, _cause in history()]
        assert in_and_out.count("added") == in_and_out.count("removed")
        PoolExclusion.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_pick_stays_when_it_races_with_a_rule_that_lets_go(shop: World, merchant: Merchant) -> None:
    for number in range(5):
        sku = shop.make_sku(f"S{number}", in_pool=False)
        PoolMembership.objects.create(pool=shop.pool, sku=sku, is_picked=False)
        hint(sku)

        race(apply_pool_rules, lambda code=sku.code: curate(add=[code]))  # type: ignore[misc] # bound

    assert members() == {f"S{number}": True for number in range(5)}


@pytest.mark.django_db(transaction=True)
def test_hint_is_taken_up_once_when_several_workers_look(shop: World, cheap: PoolRule) -> None:
    skus = [shop.make_sku(f"S{number}", in_pool=False) for number in range(20)]
    hint(*skus)

    taken = race(*[apply_pool_rules] * 4)

    assert sum(taken) == 20  # type: ignore[arg-type] # all of them numbers
    assert PoolChange.objects.count() == 20
    assert PoolMembership.objects.count() == 20
