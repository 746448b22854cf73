"""The steps that move stock."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from catalog.models import Stock, StockHint, StockMovement
from catalog.services.stock import send_release, send_return, send_return_write_off
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


def list_movements() -> list[tuple[str, str, int, int, int, str]]:
    """SKU, cause, changes and document of each movement, in order."""
    rows = StockMovement.objects.select_related("stock__sku").order_by("id")
    return [
        (
            row.stock.sku.code, row.cause, row.on_hand_change, row.reserved_change,
            row.outgoing_change, row.document_no,
        )
        for row in rows
    ]  # fmt: skip


def test_returned_units_are_stock_again_and_their_answer_may_have_turned(world: World) -> None:
    world.make_sku("A", north=0)
    world.make_sku("B", north=5)
    ids = list(Stock.objects.order_by("pk").values_list("pk", flat=True))
    StockHint.objects.all().delete()

    with transaction.atomic():
        send_return(stock_ids=[*ids, ids[1]], quantities=[2, 1, 3], document_no="A1").rows()

    assert list(Stock.objects.order_by("pk").values_list("on_hand", "reserved", "outgoing")) == [
        (2, 0, 0),
        (9, 0, 0),
    ]
    assert list_movements() == [
        ("A", "returned", 2, 0, 0, "A1"),
        ("B", "returned", 4, 0, 0, "A1"),
    ]
    assert [hint.sku.code for hint in StockHint.objects.select_related("sku")] == ["A"]


def test_returned_units_that_cannot_be_sold_come_and_go_and_change_no_number(
    world: World,
) -> None:
    world.make_sku("A", north=7)
    row = Stock.objects.get()
    StockHint.objects.all().delete()

    with transaction.atomic():
        send_return_write_off(stock_ids=[row.pk], quantities=[3], document_no="A1").rows()

    row.refresh_from_db()
    assert (row.on_hand, row.reserved, row.outgoing, row.shortage_quantity) == (7, 0, 0, 0)
    assert list_movements() == [
        ("A", "returned", 3, 0, 0, "A1"),
        ("A", "returned_off", -3, 0, 0, "A1"),
    ]
    assert not StockHint.objects.exists()
