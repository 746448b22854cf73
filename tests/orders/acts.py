"""What happens to orders, for tests that begin in the middle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection

from accounts.models import HoldEntry, Wallet
from catalog.models import Stock, StockMovement
from openplatform.core import clock
from openplatform.messaging.models import Message, Outbox
from openplatform.messaging.services.sequencing import sequence_outbox
from orders.models import Order, Shipment
from orders.services.shipping import ship_suborder
from tests.cast import Merchant, order_body

Document = dict[str, Any]


def place(
    merchant: Merchant,
    merchant_order_no: str = "M-1",
    items: Iterable[tuple[str, int]] = (("A", 1),),
    **fields: Any,
) -> Document:
    """An order that waits for its confirmation."""
    response = merchant.api.post("/orders", order_body(merchant_order_no, items, **fields))
    assert response.status_code == 201, response.content
    document: Document = response.json()
    return document


def pay(
    merchant: Merchant,
    merchant_order_no: str = "M-1",
    items: Iterable[tuple[str, int]] = (("A", 1),),
    **fields: Any,
) -> Document:
    """An order that was confirmed."""
    order_no = place(merchant, merchant_order_no, items, **fields)["order_no"]
    response = merchant.api.post(f"/orders/{order_no}/confirm")
    assert response.status_code == 200, response.content
    document: Document = response.json()
    return document


def assert_nothing_written() -> None:
    """No order, and nothing of one."""
    assert Order.objects.count() == 0
    assert Outbox.objects.count() == 0
    assert HoldEntry.objects.count() == 0
    assert StockMovement.objects.count() == 0
    assert not Stock.objects.exclude(reserved=0).exists()
    assert not Wallet.objects.exclude(held_amount=0).exists()


def ship(
    suborder_no: str,
    quantities: Mapping[int, int] | None = None,
    *,
    waybill_no: str = "SF-1",
    carrier_code: str = "sf",
) -> Shipment:
    """A parcel, as an operator sends it."""
    now = clock.now()
    return ship_suborder(
        suborder_no=suborder_no,
        carrier_code=carrier_code,
        waybill_no=waybill_no,
        quantities=quantities,
        shipped_at=now,
        actor="operator",
        now=now,
    )


def let_expire(order_no: str) -> None:
    """Put an order's deadline a moment behind the clock that counts, the database's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orders_order SET expires_at = clock_timestamp() WHERE order_no = %s",
            [order_no],
        )


def stock_numbers(sku: str = "A", warehouse: str = "north") -> tuple[int, int, int]:
    """On hand, reserved, outgoing."""
    row = Stock.objects.get(sku__code=sku, warehouse__code=warehouse)
    return (row.on_hand, row.reserved, row.outgoing)


def told(merchant: Merchant) -> list[Message]:
    """Everything that a merchant was told, in order."""
    sequence_outbox()
    return list(Message.objects.filter(partner=merchant.partner).order_by("sequence"))
