from __future__ import annotations

from typing import Any

import pytest

from catalog.models import SelectedSku, Selection
from openplatform.core import clock
from tests.cast import Api, Merchant, World
from tests.catalog.pools import curate_pool

NOTHING = {"skus": [], "only_these_messages": False}


def test_nothing_is_selected_at_first(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A")

    response = merchant.api.get("/catalog/selection")

    assert response.status_code == 200
    assert response.json() == NOTHING


def test_selected_skus_come_by_code(shop: World, merchant: Merchant) -> None:
    Selection.objects.create(partner=merchant.partner, only_these_messages=True)
    for code in ("B", "A", "C"):
        sku = shop.make_sku(code)
        if code != "C":
            SelectedSku.objects.create(partner=merchant.partner, sku=sku)

    response = merchant.api.get("/catalog/selection")

    assert response.json() == {"skus": ["A", "B"], "only_these_messages": True}


@pytest.mark.django_db(transaction=True)
def test_only_skus_in_sight_are_shown_when_one_left_the_pool(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A")
    shop.make_sku("B")
    merchant.api.request("PUT", "/catalog/selection", body={"skus": ["A", "B"]})

    curate_pool(pool_code="pool", remove=["A"], actor="test", now=clock.now())
    without = merchant.api.get("/catalog/selection").json()
    curate_pool(pool_code="pool", add=["A"], actor="test", now=clock.now())
    again = merchant.api.get("/catalog/selection").json()

    assert without["skus"] == ["B"]
    assert again["skus"] == ["A", "B"]


def test_selection_of_another_merchant_is_not_shown(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.open_pool_to(stranger)
    sku = shop.make_sku("A")
    Selection.objects.create(partner=merchant.partner, only_these_messages=True)
    SelectedSku.objects.create(partner=merchant.partner, sku=sku)

    assert stranger.api.get("/catalog/selection").json() == NOTHING


def test_statements_stay_the_same_when_more_is_selected(
    shop: World, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    for number in range(30):
        sku = shop.make_sku(f"S{number:02}")
        SelectedSku.objects.create(partner=merchant.partner, sku=sku)
    merchant.api.get("/catalog/selection")  # from here on the key is known

    with django_assert_num_queries(3):  # limits, selection, its SKUs
        response = merchant.api.get("/catalog/selection")

    assert len(response.json()["skus"]) == 30


def test_refused_when_a_parameter_is_sent(merchant: Merchant) -> None:
    response = merchant.api.get("/catalog/selection", limit=1)

    assert (response.status_code, response.json()["code"]) == (400, "filter_not_allowed")


def test_refused_when_no_key_is_sent(db: None) -> None:
    response = Api().get("/catalog/selection")

    assert (response.status_code, response.json()["code"]) == (401, "key_missing")


def test_refused_when_the_scope_is_missing(merchant: Merchant) -> None:
    response = merchant.api_with("catalog:write").get("/catalog/selection")

    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
