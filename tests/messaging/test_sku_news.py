"""What is left to tell of a SKU when several changes of it go out together."""

from __future__ import annotations

from typing import Any

import pytest

from openplatform.messaging import types
from openplatform.messaging.services.sequencing import sequence_outbox
from tests.cast import Merchant, World
from tests.messaging.told import tell_skus, told

JAN, FEB = "2030-01-01T00:00:00+08:00", "2030-02-01T00:00:00+08:00"


def _told(merchant: Merchant) -> list[tuple[str, dict[str, Any]]]:
    sequence_outbox()
    return [(type_name, data) for _sequence, type_name, data in told(merchant)]


@pytest.fixture
def stocked(shop: World) -> World:
    """Three SKUs that the merchant sees."""
    for code in ("A", "B", "C"):
        shop.make_sku(code)
    return shop


def test_fields_are_united_when_a_sku_is_updated_twice(stocked: World, merchant: Merchant) -> None:
    tell_skus("sku.updated", ["A", "B"], facts={"fields": ["name"]})
    tell_skus("sku.updated", ["A", "C"], facts={"fields": ["images"]})

    assert _told(merchant) == [
        ("sku.updated", {"skus": ["B"], "fields": ["name"]}),
        ("sku.updated", {"skus": ["A"], "fields": ["images", "name"]}),
        ("sku.updated", {"skus": ["C"], "fields": ["images"]}),
    ]


def test_every_moment_is_announced_once_when_several_are_to_come(
    stocked: World, merchant: Merchant
) -> None:
    tell_skus("price.announced", ["A"], facts={"effective_at": JAN})
    tell_skus("price.announced", ["A"], facts={"effective_at": FEB})
    tell_skus("price.announced", ["A", "B"], facts={"effective_at": JAN})

    assert _told(merchant) == [
        ("price.announced", {"skus": ["A"], "effective_at": FEB}),
        ("price.announced", {"skus": ["B"], "effective_at": JAN}),
        ("price.announced", {"skus": ["A"], "effective_at": JAN}),
    ]


def test_nothing_is_announced_any_more_when_the_change_was_withdrawn(
    stocked: World, merchant: Merchant
) -> None:
    tell_skus("price.announced", ["A"], facts={"effective_at": JAN})
    tell_skus("price.announced", ["A"], facts={"effective_at": None})

    assert _told(merchant) == [("price.announced", {"skus": ["A"], "effective_at": None})]


def _stock(in_stock: bool, *regions: str) -> dict[str, Any]:
    return {"in_stock": in_stock, "regions": list(regions) or None}


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ([_stock(True), _stock(False)], [_stock(False)]),
        ([_stock(False, "110000"), _stock(True)], [_stock(True)]),
        (
            [_stock(False), _stock(True, "110000", "310000"), _stock(False, "310000")],
            [_stock(False), _stock(True, "110000"), _stock(False, "310000")],
        ),
        ([_stock(False, "110000"), _stock(True, "110000")], [_stock(True, "110000")]),
    ],
)
def test_last_answer_of_every_region_is_told_when_stock_turns_again(
    stocked: World, merchant: Merchant, changes: list[Any], left: list[Any]
) -> None:
    for facts in changes:
        tell_skus("stock.changed", ["A"], facts=facts)

    assert _told(merchant) == [("stock.changed", {"skus": ["A"], **facts}) for facts in left]


def test_a_skus_own_order_is_kept_when_others_turned_the_other_way(
    stocked: World, merchant: Merchant
) -> None:
    tell_skus("stock.changed", ["A"], facts=_stock(False))
    tell_skus("stock.changed", ["B"], facts=_stock(True, "110000"))
    tell_skus("stock.changed", ["A"], facts=_stock(True, "110000"))

    messages = _told(merchant)

    of_a = [(data["in_stock"], data["regions"]) for _type, data in messages if "A" in data["skus"]]
    assert of_a == [(False, None), (True, ["110000"])]
    assert messages[-1][1]["skus"] == ["A"]


def test_only_wanted_skus_are_told_when_a_partner_asked_for_that(
    stocked: World, merchant: Merchant, stranger: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    stocked.open_pool_to(stranger)
    monkeypatch.setattr(types, "_narrowing", [lambda _ids, _skus: {merchant.partner.pk: {"B"}}])
    tell_skus("price.changed", ["A", "B"])
    tell_skus("pool.sku_removed", ["C"], merchant, stranger)

    assert _told(merchant) == [("price.changed", {"skus": ["B"]})]
    assert _told(stranger) == [
        ("price.changed", {"skus": ["A", "B"]}),
        ("pool.sku_removed", {"skus": ["C"]}),
    ]
