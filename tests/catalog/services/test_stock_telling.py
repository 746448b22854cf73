"""Merchants hear when the answer for the minimum quantity turned in some region."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet

from catalog.models import Sku, SkuRegion, Stock, StockHint, StockTold, Warehouse
from catalog.services import stock as stock_steps
from catalog.services import stock_telling
from catalog.services.changes import hint_stock
from catalog.services.counts import StockChange, apply_counts
from catalog.services.outcome import Outcome
from catalog.services.shelf import set_shelf_state
from catalog.services.stock_telling import hint_all_stock, tell_stock
from catalog.services.warehouses import WarehouseDraft, save_warehouse
from openplatform.core import clock
from openplatform.core.statements import send
from openplatform.messaging.models import Message, Outbox
from openplatform.messaging.services.sequencing import sequence_outbox
from openplatform.regions.models import Region
from tests.cast import BEIJING, Merchant, World, make_merchant, order_body
from tests.racing import race

BEIJING_CITY, SHANGHAI_CITY, GUANGDONG = "110000", "310000", "440000"
RESERVE = f"""
    WITH {stock_steps.SHORTAGE_STEPS},
    placed AS (SELECT WHERE NOT EXISTS (SELECT FROM short)),
    {stock_steps.RESERVATION_STEPS}
    SELECT stock_id FROM noted
"""  # noqa: S608 - put together from constants


def regions(*codes: str) -> QuerySet[Region]:
    return Region.objects.filter(code__in=codes)


def reserve(stock_id: int, document_no: str) -> None:
    """One unit is promised to an order, by the steps of placing."""
    stock_steps.send_lock(stock_ids=[stock_id])
    wanted = {"stock_ids": [stock_id], "quantities": [1], "document_no": document_no}
    assert send(RESERVE, wanted).rows() == [(stock_id,)]


def tell() -> None:
    """Until no hint is left."""
    while tell_stock():
        pass


def hear(merchant: Merchant) -> list[tuple[bool, list[str] | None, list[str]]]:
    """What the merchant was told of stock since it was last asked."""
    tell()
    sequence_outbox()
    messages = Message.objects.filter(partner_id=merchant.partner.pk, type="stock.changed")
    heard = [
        (message.data["in_stock"], message.data["regions"], message.data["skus"])
        for message in messages.order_by("sequence")
    ]
    messages.delete()
    return heard


def settle(merchant: Merchant) -> None:
    """All answers as they are were told."""
    with transaction.atomic():
        hint_stock(sku_ids=list(Sku.objects.values_list("pk", flat=True)))
    hear(merchant)


def count(sku: Sku, warehouse: Warehouse, on_hand: int, **values: Any) -> None:
    with transaction.atomic():
        apply_counts(
            changes=[StockChange(warehouse.pk, sku.pk, on_hand=on_hand, **values)],
            document_no="",
            actor="test",
        )


def answers_of(merchant: Merchant, sku: str, quantity: int = 1) -> dict[str, bool]:
    return {
        region: merchant.api.get(
            f"/catalog/skus/{sku}/stock", quantity=quantity, region=region
        ).json()["in_stock"]
        for region in Region.objects.values_list("code", flat=True)
    }


def test_provinces_that_are_served_are_told_when_goods_arrive(
    shop: World, merchant: Merchant
) -> None:
    sku = shop.make_sku("A")

    count(sku, shop.south, 5)

    assert hear(merchant) == [(True, [BEIJING_CITY, GUANGDONG], ["A"])]
    assert StockTold.objects.get().answers == {"": True, "310000": False, "650000": False}
    assert not StockHint.objects.exists()


def test_present_answer_is_told_when_nothing_was_told_before(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", south=5)

    settled = shop.make_sku("B")
    with transaction.atomic():
        hint_stock(sku_ids=[sku.pk for sku in Sku.objects.all()])

    assert sorted(hear(merchant), key=str) == [
        (False, None, ["B"]),
        (False, [SHANGHAI_CITY, "650000"], ["A"]),
        (True, [BEIJING_CITY, GUANGDONG], ["A"]),
    ]
    assert settled.stocks.count() == 0


def test_order_that_takes_the_last_units_is_told_and_its_cancellation_too(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=5)
    settle(merchant)

    first = merchant.api.post("/orders", order_body("M-1", [("A", 4)]))
    assert hear(merchant) == []
    last = merchant.api.post("/orders", order_body("M-2", [("A", 1)]))
    assert hear(merchant) == [(False, [BEIJING_CITY, SHANGHAI_CITY], ["A"])]

    merchant.api.post(f"/orders/{last.json()['order_no']}/cancel")
    assert hear(merchant) == [(True, [BEIJING_CITY, SHANGHAI_CITY], ["A"])]
    merchant.api.post(f"/orders/{first.json()['order_no']}/confirm")
    assert not StockHint.objects.exists()


def test_no_hint_is_left_when_there_is_plenty(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=100, min_quantity=5)
    merchant.api.post("/orders", order_body("M-1", [("A", 95)]))
    assert not StockHint.objects.exists()

    merchant.api.post("/orders", order_body("M-2", [("A", 5)]))

    assert StockHint.objects.count() == 1


def test_minimum_is_compared_over_all_warehouses_that_serve_the_region(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=3, south=3, min_quantity=5)
    settle(merchant)
    assert StockTold.objects.get().answers == {
        "": True, "310000": False, "440000": False, "650000": False,
    }  # fmt: skip

    count(Sku.objects.get(), shop.north, 2)
    assert hear(merchant) == []  # five are left for 北京
    count(Sku.objects.get(), shop.south, 2)

    assert hear(merchant) == [(False, [BEIJING_CITY], ["A"])]
    count(Sku.objects.get(), shop.south, 9)
    assert hear(merchant) == [(True, [BEIJING_CITY, GUANGDONG], ["A"])]


def test_safety_stock_is_not_promised_so_that_it_turns_the_answer(
    shop: World, merchant: Merchant
) -> None:
    sku = shop.make_sku("A", north=5)
    settle(merchant)

    count(sku, shop.north, 5, safety_quantity=5)

    assert hear(merchant) == [(False, [BEIJING_CITY, SHANGHAI_CITY], ["A"])]


def test_shelf_state_turns_the_answer(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    settle(merchant)

    off = Sku.ShelfState.OFF_SHELF
    set_shelf_state(sku_codes=["A"], state=off, actor="test", now=clock.now())

    assert hear(merchant) == [(False, [BEIJING_CITY, SHANGHAI_CITY], ["A"])]


def test_one_message_names_all_skus_that_turned_alike(shop: World, merchant: Merchant) -> None:
    for number in range(150):
        shop.make_sku(f"S-{number:03}", north=5)
    settle(merchant)

    Stock.objects.update(on_hand=0)
    hint_all_stock()
    heard = hear(merchant)

    assert [(in_stock, regions, len(skus)) for in_stock, regions, skus in heard] == [
        (False, [BEIJING_CITY, SHANGHAI_CITY], 100),
        (False, [BEIJING_CITY, SHANGHAI_CITY], 50),
    ]


def test_regions_are_null_when_every_province_turned(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    shop.north.serves.clear()
    settle(merchant)

    merchant.api.post("/orders", order_body(items=[("A", 5)]))

    assert hear(merchant) == [(False, None, ["A"])]


def test_province_is_told_when_only_a_part_of_it_turned(shop: World, merchant: Merchant) -> None:
    # 天河 is served by both, the rest of 广东 by the north alone.
    sku = shop.make_sku("A", north=5, south=5)
    shop.north.serves.set(regions(GUANGDONG))
    shop.south.serves.set(regions("440106"))
    settle(merchant)

    count(sku, shop.north, 0)

    assert hear(merchant) == [(False, [GUANGDONG], ["A"])]
    assert answers_of(merchant, "A")["441900"] is False
    assert answers_of(merchant, "A")[GUANGDONG] is True


def test_answers_are_told_when_a_warehouse_ships_to_more_or_fewer_regions(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", south=5)
    shop.make_sku("B", north=5)
    settle(merchant)

    def ship_to(serves: list[str], excludes: list[str]) -> Outcome:
        fields = {"name": "south", "region_id": "440106"}
        with transaction.atomic():
            return save_warehouse(draft=WarehouseDraft("south", fields, serves, excludes))

    ship_to([BEIJING_CITY, GUANGDONG, "650000"], [])
    assert hear(merchant) == [(True, ["650000"], ["A"])]
    ship_to([BEIJING_CITY, GUANGDONG, "650000"], ["441900", BEIJING_CITY])
    assert hear(merchant) == [(False, [BEIJING_CITY, GUANGDONG], ["A"])]
    assert ship_to([BEIJING_CITY, GUANGDONG, "650000"], ["441900", BEIJING_CITY]).unchanged == 1
    assert not StockHint.objects.exists()
    ship_to([], [])
    assert hear(merchant) == [(True, [BEIJING_CITY, SHANGHAI_CITY, GUANGDONG], ["A"])]


def test_answers_are_told_when_the_address_library_moved(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", south=5)
    shop.south.serves.set(regions("650102"))
    settle(merchant)

    Region.objects.filter(code="650102").update(is_retired=True)
    hint_all_stock()

    assert hear(merchant) == [(False, ["650000"], ["A"])]


def test_answer_is_told_when_the_sku_is_limited(shop: World, merchant: Merchant) -> None:
    sku = shop.make_sku("A", north=5, south=5)
    SkuRegion.objects.create(sku=sku, region_id="440106", kind="only_to")
    shop.make_sku("B", south=5)
    settle(merchant)

    count(sku, shop.south, 0)

    assert hear(merchant) == [(False, [GUANGDONG], ["A"])]


def test_what_was_told_is_what_reads_answer_in_every_region(
    shop: World, merchant: Merchant
) -> None:
    sku = shop.make_sku("A", north=3, south=4, min_quantity=4)
    shop.north.serves.set(regions("440106", "110000", "650000"))
    shop.north.excludes.set(regions(BEIJING, "650102"))
    shop.south.serves.clear()
    shop.south.excludes.set(regions("440100", "310000"))
    SkuRegion.objects.create(sku=sku, region_id="441900003", kind="not_to")
    settle(merchant)

    told = StockTold.objects.get().answers
    paths = Region.objects.values_list("code", "path")
    expected = {code: stock_telling._told_at(tuple(path), told) for code, path in paths}

    assert answers_of(merchant, "A", 4) == expected


def test_hints_stay_when_telling_breaks_off(
    shop: World, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.make_sku("A", north=5)
    settle(merchant)
    merchant.api.post("/orders", order_body(items=[("A", 5)]))

    def break_off(**_facts: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(stock_telling, "publish_skus", break_off)
        with pytest.raises(KeyboardInterrupt):
            tell_stock()
    assert StockHint.objects.count() == 1
    assert StockTold.objects.get().answers[""] is True

    assert hear(merchant) == [(False, [BEIJING_CITY, SHANGHAI_CITY], ["A"])]


# Races


@pytest.fixture
def race_shop(transactional_db: None) -> tuple[World, Merchant]:
    world, merchant = World(), make_merchant("acme", balance="1000000.00")
    world.open_pool_to(merchant)
    return world, merchant


def test_stock_is_told_once_when_two_orders_empty_two_warehouses_at_once(
    race_shop: tuple[World, Merchant],
) -> None:
    shop, merchant = race_shop
    sku = shop.make_sku("A", north=1, south=1)
    Warehouse.objects.get(code="north").serves.clear()
    Warehouse.objects.get(code="south").serves.clear()
    settle(merchant)
    stock_ids = list(Stock.objects.order_by("pk").values_list("pk", flat=True))
    taken = [False, False]

    def take(index: int) -> None:
        """One unit; commits only when the other order has taken its own, too."""
        with transaction.atomic():
            reserve(stock_ids[index], f"O-{index}")
            taken[index] = True
            while not all(taken):
                pass
            assert tell_stock_elsewhere() == []

    def tell_stock_elsewhere() -> list[Any]:
        return list(Outbox.objects.filter(type="stock.changed"))

    race(lambda: take(0), lambda: take(1))

    assert Stock.objects.filter(reserved=1).count() == 2
    assert StockHint.objects.filter(sku=sku).count() == 2
    assert hear(merchant) == [(False, None, ["A"])]


def test_stock_is_told_once_when_tellers_run_while_orders_empty_the_warehouses(
    race_shop: tuple[World, Merchant],
) -> None:
    shop, merchant = race_shop
    shop.make_sku("A", north=3, south=3)
    Warehouse.objects.get(code="north").serves.clear()
    Warehouse.objects.get(code="south").serves.clear()
    settle(merchant)

    def order(number: int) -> Any:
        return merchant.api.post("/orders", order_body(f"M-{number}", [("A", 1)])).status_code

    def tell_often() -> Any:
        for _turn in range(20):
            tell_stock()

    answers = race(*(lambda n=n: order(n) for n in range(6)), tell_often, tell_often)

    assert answers[:6] == [201] * 6
    assert hear(merchant) == [(False, None, ["A"])]


def test_nothing_is_told_twice_when_two_tellers_take_hints_of_one_sku(
    race_shop: tuple[World, Merchant],
) -> None:
    shop, merchant = race_shop
    shop.make_sku("A", north=5)
    settle(merchant)
    Stock.objects.update(on_hand=0)
    connection.ensure_connection()
    sku_ids = list(Sku.objects.values_list("pk", flat=True))
    with transaction.atomic():
        for _hint in range(600):
            hint_stock(sku_ids=sku_ids)

    race(tell_stock, tell_stock)

    assert hear(merchant) == [(False, [BEIJING_CITY, SHANGHAI_CITY], ["A"])]
