"""Quotes and shortages that meet others: one order for a quote, no unit sold twice."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounts.models import HoldEntry
from catalog.models import Stock
from orders.models import Order, OrderLine
from tests.cast import Merchant, World, make_merchant, order_body
from tests.orders.quoting import quote
from tests.orders.test_races import assert_books_agree, at_once, codes_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def race_shop(transactional_db: None) -> tuple[World, Merchant]:
    world, merchant = World(), make_merchant("acme", balance="1000000.00")
    world.open_pool_to(merchant)
    return world, merchant


def test_one_of_many_orders_gets_the_quote(race_shop: tuple[World, Merchant]) -> None:
    world, merchant = race_shop
    world.make_sku("A", north=100)
    quote_id = quote(merchant)["quote_id"]

    responses = at_once(
        [
            lambda number=number: merchant.api.post(  # type: ignore[misc]
                "/orders", order_body(f"M-{number}", quote_id=quote_id)
            )
            for number in range(16)
        ]
    )

    assert codes_of(responses) == {"201": 1, "quote_used": 15}
    order = Order.objects.get()
    used = [response for response in responses if response.status_code == 409]
    assert {response.json()["errors"][0]["order_no"] for response in used} == {order.order_no}
    assert Stock.objects.get().reserved == 1
    assert HoldEntry.objects.count() == 1
    assert_books_agree(merchant)


def test_same_order_on_a_quote_many_times_at_once_is_placed_once(
    race_shop: tuple[World, Merchant],
) -> None:
    world, merchant = race_shop
    world.make_sku("A", north=1)
    quote_id = quote(merchant)["quote_id"]

    responses = at_once([lambda: merchant.api.post("/orders", order_body(quote_id=quote_id))] * 16)

    assert codes_of(responses) == {"201": 1, "200": 15}
    assert len({response.json()["order_no"] for response in responses}) == 1
    assert_books_agree(merchant)


def test_orders_on_quotes_never_sell_more_than_there_is(
    race_shop: tuple[World, Merchant],
) -> None:
    world, merchant = race_shop
    world.make_sku("A", price="10.00", north=5)
    quotes = [quote(merchant)["quote_id"] for _number in range(12)]

    responses = at_once(
        [
            lambda number=number, quote_id=quote_id: merchant.api.post(  # type: ignore[misc]
                "/orders", order_body(f"M-{number}", quote_id=quote_id)
            )
            for number, quote_id in enumerate(quotes)
        ]
    )

    assert codes_of(responses) == {"201": 5, "stock_insufficient": 7}
    assert Stock.objects.get().reserved == 5
    assert_books_agree(merchant)


def test_orders_that_drop_what_is_short_share_out_all_there_is(
    race_shop: tuple[World, Merchant],
) -> None:
    world, merchant = race_shop
    world.make_sku("A", price="10.00", north=11, south=6)
    asked = 5

    responses = at_once(
        [
            lambda number=number: merchant.api.post(  # type: ignore[misc]
                "/orders",
                order_body(f"M-{number}", items=[("A", asked)], on_shortage="drop_line"),
            )
            for number in range(10)
        ]
    )

    assert codes_of(responses) == {"201": 4, "stock_insufficient": 6}
    assert sum(OrderLine.objects.values_list("quantity", flat=True)) == 17
    assert sum(Stock.objects.values_list("reserved", flat=True)) == 17
    for order in Order.objects.all():
        ordered = sum(order.lines.values_list("quantity", flat=True))
        dropped = [{"sku": "A", "requested": asked, "ordered": ordered}]
        assert order.dropped == ([] if ordered == asked else dropped)
        assert order.goods_amount == ordered * Decimal("10.00")
    assert_books_agree(merchant)
