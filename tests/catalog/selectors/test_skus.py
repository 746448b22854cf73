from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from accounts.models import Partner
from catalog.models import Pool, PoolMembership, Sku, SkuStamp
from catalog.selectors import skus
from catalog.selectors.skus import SkuFilters, get_changed_at, page_by_code, page_by_update
from openplatform.core import clock
from tests.cast import Merchant, World
from tests.catalog.pools import assign_partners, curate_pool
from tests.catalog.range import LATER, SETTLED_AT, settle

ALL = SkuFilters()


def test_page_goes_on_when_the_last_sku_shown_left_the_pool(
    shop: World, merchant: Merchant
) -> None:
    for code in ("A", "B", "C"):
        shop.make_sku(code)
    PoolMembership.objects.filter(sku__code="B").delete()

    rows = page_by_code(partner_id=merchant.partner.pk, filters=ALL, after="B", limit=10)

    assert [row.code for row in rows] == ["C"]


def test_codes_order_rows_when_they_changed_at_the_same_time(
    shop: World, merchant: Merchant
) -> None:
    for code in ("C", "A", "B", "D"):
        shop.make_sku(code)
    settle(shop)
    Sku.objects.filter(code="A").update(updated_at=LATER)

    rows = page_by_update(
        partner_id=merchant.partner.pk,
        filters=ALL,
        since=SETTLED_AT,
        after=(SETTLED_AT, "B"),
        limit=10,
    )

    assert [(row.code, row.updated_at) for row in rows] == [
        ("C", SETTLED_AT),
        ("D", SETTLED_AT),
        ("A", LATER),
    ]


def test_sku_is_told_again_when_it_changed_behind_the_position(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A")
    shop.make_sku("B")
    settle(shop)
    Sku.objects.filter(code="A").update(updated_at=SETTLED_AT + timedelta(microseconds=1))

    rows = page_by_update(
        partner_id=merchant.partner.pk,
        filters=ALL,
        since=None,
        after=(SETTLED_AT, "B"),
        limit=10,
    )

    assert [row.code for row in rows] == ["A"]


def test_only_visible_skus_have_a_time_when_asked_for_changes(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.make_sku("A")
    shop.make_sku("HIDDEN", in_pool=False)
    settle(shop)

    own = get_changed_at(partner_id=merchant.partner.pk, codes=["A", "HIDDEN", "NONE"])
    strange = get_changed_at(partner_id=stranger.partner.pk, codes=["A"])

    assert own == {"A": SETTLED_AT}
    assert strange == {}


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a merchant saw too many SKUs to look at them all, with short stretches of index."""
    monkeypatch.setattr(skus, "FEW_SEEN", 0)
    monkeypatch.setattr(skus, "FEW_FOUND", 0)
    monkeypatch.setattr(skus, "REACH", skus.REACH.replace("LIMIT 5001", "LIMIT 1"))
    monkeypatch.setattr(skus, "STRETCHES", (2, 3))


@pytest.fixture
def history(shop: World, merchant: Merchant, stranger: Merchant) -> list[tuple[str, int]]:
    """40 SKUs with times of their own; those that the merchant sees, each with when it changed."""
    shop.open_pool_to(stranger)
    Partner.objects.update(created_at=SETTLED_AT)
    chance = Random(7)
    expected = []
    for number in range(40):
        code = f"S{chance.randrange(10**6):06}"
        sku = shop.make_sku(code, in_pool=number % 4 > 0)
        update, stamp, theirs = (chance.randrange(12) for _ in range(3))
        Sku.objects.filter(pk=sku.pk).update(updated_at=SETTLED_AT + timedelta(hours=update))
        for partner, hours in ((merchant.partner, stamp), (stranger.partner, theirs)):
            SkuStamp.objects.create(
                partner=partner,
                sku=sku,
                code=code,
                changed_at=SETTLED_AT + timedelta(hours=hours),
            )
        if number % 4 > 0:
            expected.append((code, max(update, stamp)))
    return sorted(expected)


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
@pytest.mark.parametrize("is_walked", [True, False])
def test_pages_have_every_sku_once_in_order_whatever_their_length(
    history: list[tuple[str, int]],
    merchant: Merchant,
    request: pytest.FixtureRequest,
    *,
    is_walked: bool,
    limit: int,
) -> None:
    if is_walked:
        request.getfixturevalue("many")
    own: dict[str, Any] = {"partner_id": merchant.partner.pk, "filters": ALL, "limit": limit}

    by_code: list[skus.SkuRow] = []
    while page := page_by_code(**own, after=by_code[-1].code if by_code else None):
        by_code += page
    by_update: list[skus.SkuRow] = []
    while page := page_by_update(
        **own,
        since=SETTLED_AT + timedelta(hours=3),
        after=(by_update[-1].updated_at, by_update[-1].code) if by_update else None,
    ):
        by_update += page

    assert [(row.code, row.updated_at) for row in by_code] == [
        (code, SETTLED_AT + timedelta(hours=hours)) for code, hours in history
    ]
    assert [(row.code, row.updated_at) for row in by_update] == [
        (code, SETTLED_AT + timedelta(hours=hours))
        for hours, code in sorted((hours, code) for code, hours in history)
        if hours >= 3
    ]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    "filters", [SkuFilters(text="s 商品"), SkuFilters(category="home", shelf_state="on_shelf")]
)
def test_filters_hold_when_indexes_are_walked(
    history: list[tuple[str, int]], merchant: Merchant, filters: SkuFilters
) -> None:
    off_shelf = history[0][0]
    Sku.objects.filter(code=off_shelf).update(shelf_state="off_shelf", name="other")

    own: dict[str, Any] = {"partner_id": merchant.partner.pk, "filters": filters, "limit": 100}
    by_code = page_by_code(**own, after=None)
    by_update = page_by_update(**own, since=None, after=None)

    codes = [code for code, _hours in history[1:]]
    assert [row.code for row in by_code] == codes
    assert sorted(row.code for row in by_update) == codes


def test_sku_is_listed_when_the_pool_that_showed_it_first_was_closed_since(
    many: None, shop: World, merchant: Merchant
) -> None:
    """What it is seen by now was opened to the merchant after the SKU last changed."""
    sku = shop.make_sku("A")
    other = Pool.objects.create(code="other", name="Other")
    curate_pool(pool_code="other", add=["A"], actor="test", now=clock.now())
    Sku.objects.filter(pk=sku.pk).update(updated_at=clock.now())
    assign_partners(
        pool_code="other", partner_codes=[merchant.partner.code], actor="test", now=clock.now()
    )
    assign_partners(pool_code="pool", partner_codes=[], actor="test", now=clock.now())

    rows = page_by_update(
        partner_id=merchant.partner.pk, filters=ALL, since=None, after=None, limit=10
    )

    assert [row.code for row in rows] == ["A"]
    assert other.assignments.count() == 1
