from __future__ import annotations

import pytest

from catalog.selectors.categories import get_categories, get_category
from openplatform.core.errors import NotFound
from tests.cast import Merchant, World
from tests.catalog.range import make_category, make_product


def test_parents_come_before_children_when_all_are_asked_for(
    shop: World, merchant: Merchant
) -> None:
    child = make_category("a-child", "子", shop.category)
    other = make_category("b-root", "根", None)
    shop.make_sku("A", product=make_product("P1", child))
    shop.make_sku("B", product=make_product("P2", other))

    found = get_categories(partner_id=merchant.partner.pk, codes=None)

    assert [(entry["code"], entry["level"]) for entry in found] == [
        ("b-root", 1),
        ("home", 1),
        ("a-child", 2),
    ]


def test_missing_when_only_another_partner_has_goods_in_it(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.make_sku("A")

    with pytest.raises(NotFound):
        get_category(partner_id=stranger.partner.pk, code="home")
