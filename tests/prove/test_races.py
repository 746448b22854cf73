"""The races of ``tests/orders/test_races.py``, again and again, on a durable Postgres."""

from __future__ import annotations

import random

import pytest

from accounts.models import LedgerEntry
from accounts.services.books import verify_books
from catalog.models import Stock
from openplatform.core import clock
from orders.models import Order
from orders.services.cancellation import expire_order
from tests.cast import Merchant, World, order_body
from tests.orders.test_races import assert_books_agree, at_once, codes_of, race_shop  # noqa: F401

pytestmark = [pytest.mark.prove, pytest.mark.django_db(transaction=True)]

ROUNDS = 300


def test_one_outcome_in_every_round_of_confirm_twice_cancel_and_expiry(
    race_shop: tuple[World, Merchant],  # noqa: F811
) -> None:
    world, merchant = race_shop
    world.make_sku("A", price="0.10", north=ROUNDS)
    dice = random.Random(7)

    outcomes = set()
    for number in range(ROUNDS):
        order_no = merchant.api.post("/orders", order_body(f"M-{number}")).json()["order_no"]
        if dice.random() < 0.5:
            Order.objects.filter(order_no=order_no).update(expires_at="2020-01-01T00:00:00Z")
        path = f"/orders/{order_no}"
        calls = [
            lambda path=path: merchant.api.post(f"{path}/confirm").status_code,
            lambda path=path: merchant.api.post(f"{path}/confirm").status_code,
            lambda path=path: merchant.api.post(f"{path}/cancel").status_code,
            lambda no=order_no: expire_order(order_no=no, now=clock.now()),
        ]
        dice.shuffle(calls)
        at_once(calls, threads=4)
        status = Order.objects.get(order_no=order_no).status
        entries = LedgerEntry.objects.filter(order_no=order_no).count()
        assert entries == (1 if status == "paid" else 0)
        outcomes.add(status)

    assert outcomes == {"paid", "cancelled", "expired"}
    paid = Order.objects.filter(status="paid").count()
    row = Stock.objects.get()
    assert (row.on_hand, row.reserved, row.outgoing) == (ROUNDS - paid, 0, paid)
    assert_books_agree(merchant)
    assert verify_books().differences == []


def test_thousand_orders_for_five_hundred_units_give_five_hundred(
    race_shop: tuple[World, Merchant],  # noqa: F811
) -> None:
    world, merchant = race_shop
    world.make_sku("A", price="0.10", north=300, south=200)

    responses = at_once(
        [
            lambda number=number: merchant.api.post("/orders", order_body(f"M-{number}"))  # type: ignore[misc]
            for number in range(1000)
        ],
        threads=16,
    )

    assert codes_of(responses) == {"201": 500, "stock_insufficient": 500}
    assert list(Stock.objects.order_by("id").values_list("reserved", flat=True)) == [300, 200]
    assert_books_agree(merchant)
