from __future__ import annotations

from datetime import timedelta

from catalog.models import PoolMembership, Sku
from catalog.selectors.skus import SkuFilters, get_changed_at, page_by_code, page_by_update
from tests.cast import Merchant, World
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


def test_signs_stand_for_themselves_when_text_is_searched() -> None:
    filters = SkuFilters(text="50%_\\")

    assert filters.parameters()["text"] == "%50\\%\\_\\\\%"
