"""The steps that move stock."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from catalog.models import Stock, StockMovement
from catalog.services.stock import send_release
from tests.cast import Merchant, World, order_body


def test_units_that_a_count_did_not_find_are_not_sold_again_when_their_order_is_cancelled(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=10)
    order_no = merchant.api.post("/orders", order_body(items=[("A", 6)])).json()["order_no"]
    # A count found four where six are promised.
    Stock.objects.update(on_hand=6, shortage_quantity=2)

    merchant.api.post(f"/orders/{order_no}/cancel")

    row = Stock.objects.get()
    assert (row.on_hand, row.reserved, row.shortage_quantity) == (4, 0, 0)
    movement = StockMovement.objects.get(cause="released")
    assert (movement.on_hand_change, movement.reserved_change) == (-2, -6)


@pytest.mark.django_db(transaction=True)
def test_refused_when_more_is_released_than_reserved() -> None:
    world = World()
    world.make_sku("A", north=10)
    row = Stock.objects.get()

    with (
        pytest.raises(IntegrityError, match="stock_reserved_within_on_hand"),
        transaction.atomic(),
    ):
        send_release(stock_ids=[row.pk], quantities=[1], document_no="X").rows()

    row.refresh_from_db()
    assert (row.on_hand, row.reserved) == (10, 0)
