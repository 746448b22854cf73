"""The category tree: moves, renames, deletions, and who is told of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from catalog.models import (
    Category,
    FormerPlacement,
    Pool,
    PoolAssignment,
    PoolHint,
    PoolMembership,
    Product,
    PurchasePrice,
    Sku,
)
from catalog.services.categories import (
    CategoryDraft,
    CategoryFinder,
    delete_category,
    save_categories,
)
from openplatform.core.errors import FieldInvalid, Refusal, TemporarilyUnavailable
from openplatform.core.locking import transactional
from openplatform.messaging.models import Outbox
from tests.cast import Merchant, World
from tests.catalog.news import act, news_of
from tests.catalog.range import SETTLED_AT, make_category, make_product, settle
from tests.racing import race

LATER = SETTLED_AT + timedelta(hours=1)


@pytest.fixture
def tree(shop: World, stranger: Merchant) -> dict[str, Category]:
    """food > fruit > apples, and tools > saws.

    The merchant sees an apple; the stranger a saw; nobody sees the pear in fruit.
    """
    nodes: dict[str, Category] = {}
    for code, parent in (
        ("food", None), ("fruit", "food"), ("apples", "fruit"), ("tools", None), ("saws", "tools"),
    ):  # fmt: skip
        nodes[code] = make_category(code, code.title(), nodes.get(parent or ""))
    shop.make_sku("APPLE", product=make_product("P-APPLE", nodes["apples"]))
    shop.make_sku("PEAR", product=make_product("P-PEAR", nodes["fruit"]), in_pool=False)
    saw = shop.make_sku("SAW", product=make_product("P-SAW", nodes["saws"]), in_pool=False)
    pool = Pool.objects.create(code="tools", name="Tools")
    PoolMembership.objects.create(pool=pool, sku=saw)
    PoolAssignment.objects.create(pool=pool, partner=stranger.partner)
    settle(shop)
    return nodes


def save(*drafts: tuple[str, str, str | None]) -> Callable[[], Any]:
    return lambda: save_categories(
        drafts=[CategoryDraft(code, name, parent) for code, name, parent in drafts], now=LATER
    )


def paths() -> dict[str, str]:
    codes = dict(Category.objects.values_list("pk", "code"))
    return {
        category.code: "/".join(codes[pk] for pk in category.path)
        for category in Category.objects.exclude(code="home")
    }


def changed(*categories: str) -> tuple[str, dict[str, Any]]:
    return ("category.changed", {"categories": list(categories)})


def updated(*skus: str) -> tuple[str, dict[str, Any]]:
    return ("sku.updated", {"skus": list(skus), "fields": ["category"]})


def test_users_are_told_of_all_below_when_a_category_is_renamed(
    tree: dict[str, Category], merchant: Merchant, stranger: Merchant
) -> None:
    act(save(("food", "Lebensmittel", None)))

    assert news_of(merchant) == [changed("apples", "food", "fruit"), updated("APPLE")]
    assert news_of(stranger) == []
    assert not FormerPlacement.objects.exists()
    stamps = dict(Sku.objects.values_list("code", "updated_at"))
    assert stamps == {"APPLE": LATER, "PEAR": LATER, "SAW": SETTLED_AT}


def test_old_and_new_users_are_told_what_they_may_see_when_a_subtree_moves(
    tree: dict[str, Category], merchant: Merchant, stranger: Merchant
) -> None:
    """Of ``tools`` the merchant hears, since it comes into its use; the stranger has it as it had.
    ``food`` leaves the merchant's use."""
    act(save(("fruit", "Fruit", "tools")))

    assert paths() == {
        "food": "food", "tools": "tools", "saws": "tools/saws", "fruit": "tools/fruit",
        "apples": "tools/fruit/apples",
    }  # fmt: skip
    assert news_of(merchant) == [
        changed("apples", "food", "fruit", "tools"),
        updated("APPLE"),
    ]
    assert news_of(stranger) == []
    old = [tree["food"].pk, tree["fruit"].pk]
    former = FormerPlacement.objects.order_by("product__code")
    assert list(former.values_list("product__code", "category_path", "until_at")) == [
        ("P-APPLE", [*old, tree["apples"].pk], LATER),
        ("P-PEAR", old, LATER),
    ]
    assert set(PoolHint.objects.values_list("sku__code", flat=True)) == {"APPLE", "PEAR"}


def test_partners_whose_price_moves_are_told_when_a_subtree_moves(
    tree: dict[str, Category], merchant: Merchant
) -> None:
    PurchasePrice.objects.create(
        partner=merchant.partner, category=tree["tools"], discount_percent=50, starts_at=SETTLED_AT
    )

    act(save(("fruit", "Fruit", "tools")))

    assert ("price.changed", {"skus": ["APPLE"]}) in news_of(merchant)


def test_nobody_is_told_when_nobody_uses_what_changes(tree: dict[str, Category]) -> None:
    make_category("empty", "Empty", tree["food"])

    outcome = act(save(("empty", "Leer", "tools"), ("new", "New", "fruit")))

    assert outcome._asdict() == {"created": 1, "updated": 1, "unchanged": 0}
    assert not Outbox.objects.exists()
    assert paths()["empty"] == "tools/empty"
    assert paths()["new"] == "food/fruit/new"


def test_nothing_is_told_when_the_tree_stays_as_it_is(tree: dict[str, Category]) -> None:
    act(save(("food", "Food", None), ("apples", "Apples", "fruit")))

    assert not Outbox.objects.exists()
    assert set(Sku.objects.values_list("updated_at", flat=True)) == {SETTLED_AT}


def test_places_change_at_once_when_parent_and_child_swap(
    tree: dict[str, Category], merchant: Merchant
) -> None:
    act(save(("fruit", "Fruit", None), ("food", "Food", "fruit"), ("apples", "Apples", "food")))

    assert paths()["apples"] == "fruit/food/apples"
    assert news_of(merchant) == [changed("apples", "food", "fruit"), updated("APPLE")]


@pytest.mark.parametrize("parent", ["fruit", "apples", "food"])
def test_tree_stays_when_a_category_would_stand_below_itself(
    parent: str, tree: dict[str, Category]
) -> None:
    before = paths()

    with pytest.raises(Refusal) as refused:
        act(save(("food", "Food", parent)))

    assert [fault.pointer for fault in refused.value.faults] == ["/0/parent"]
    assert paths() == before
    assert not Outbox.objects.exists()


def test_codes_come_in_parcels_of_a_hundred_when_many_change(
    shop: World, merchant: Merchant
) -> None:
    root = make_category("root", "Root", None)
    for number in range(101):
        category = make_category(f"c{number:03}", "C", root)
        shop.make_sku(f"S{number:03}", product=make_product(f"P{number:03}", category))
    settle(shop)

    act(save(("root", "Wurzel", None)))

    parcels = [
        data["categories"] for type_, data in news_of(merchant) if type_ == "category.changed"
    ]
    assert [len(parcel) for parcel in parcels] == [100, 2]
    assert sorted(code for parcel in parcels for code in parcel) == sorted(
        ["root", *(f"c{n:03}" for n in range(101))]
    )


def test_category_goes_when_it_is_empty(tree: dict[str, Category]) -> None:
    make_category("empty", "Empty", tree["food"])

    act(lambda: delete_category(code="empty"))

    assert not Category.objects.filter(code="empty").exists()
    assert not Outbox.objects.exists()


@pytest.mark.parametrize("code", ["food", "apples"])
def test_category_stays_when_something_stands_in_it(code: str, tree: dict[str, Category]) -> None:
    with pytest.raises(FieldInvalid):
        act(lambda: delete_category(code=code))

    assert Category.objects.filter(code=code).exists()


@pytest.mark.django_db(transaction=True)
def test_tree_has_no_cycle_when_two_moves_would_make_one_together(
    tree: dict[str, Category],
) -> None:
    for _round in range(3):
        outcomes = race(
            transactional(save(("food", "Food", "tools"))),
            transactional(save(("tools", "Tools", "food"))),
        )

        refused = [one for one in outcomes if isinstance(one, Refusal)]
        assert len(refused) == 1
        assert set(paths()) == {"food", "fruit", "apples", "tools", "saws"}
        roots = [path for path in paths().values() if "/" not in path]
        assert len(roots) == 1
        transactional(save(("food", "Food", None), ("tools", "Tools", None)))()


@pytest.mark.django_db(transaction=True)
def test_tree_is_alone_only_when_a_finder_makes_a_category(tree: dict[str, Category]) -> None:
    """While one only looks, another may look; nobody may move what was found."""

    @transactional
    def look() -> str:
        CategoryFinder().find("food")
        time.sleep(0.5)
        return "looked"

    assert race(look, look) == ["looked", "looked"]

    @transactional
    def make() -> int:
        return CategoryFinder().find("Food/Bread").pk

    first, second = race(make, make)
    assert first == second or isinstance(first, TemporarilyUnavailable)
    assert Category.objects.filter(name="Bread").count() == 1


@pytest.mark.django_db(transaction=True)
def test_subtree_moves_in_seconds_when_thousands_of_skus_are_below(
    tree: dict[str, Category], merchant: Merchant
) -> None:
    count = 5_000
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO catalog_product (code, name, category_id, unit, attributes, description)"
            " SELECT 'Q' || n, 'Q', %s, '', '{}', '' FROM generate_series(1, %s) n",
            [tree["apples"].pk, count],
        )
        cursor.execute(
            "INSERT INTO catalog_sku (code, product_id, name, specs, weight_grams, barcode,"
            " tax_rate, min_quantity, quantity_step, shelf_state, market_price, sale_price)"
            " SELECT code, id, name, '{}', 0, '', 0.13, 1, 1, 'on_shelf', 2, 1"
            " FROM catalog_product WHERE code LIKE 'Q%'"
        )
        cursor.execute(
            "INSERT INTO catalog_poolmembership (pool_id, sku_id)"
            " SELECT %s, id FROM catalog_sku WHERE code LIKE 'Q%%'",
            [Pool.objects.get(code="pool").pk],
        )
    started = time.perf_counter()

    act(save(("fruit", "Fruit", "tools")))

    assert time.perf_counter() - started < 5
    assert Product.objects.filter(former_placements__isnull=False).count() == count + 2
    parcels = [data["skus"] for type_, data in news_of(merchant) if type_ == "sku.updated"]
    assert sum(map(len, parcels)) == count + 1
