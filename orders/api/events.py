"""The form of messages about orders, with an example of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from openplatform.connectors.parcels import ParcelStatus
from openplatform.core import money
from orders.api.serializers import OrderSerializer
from orders.documents import order_document
from orders.states import OrderStatus, SuborderStatus


class OrderNewsSerializer(serializers.Serializer[Any]):
    """The whole order as it was then, and what of it changed."""

    order = OrderSerializer()
    changed = serializers.ListField(
        child=serializers.CharField(),
        min_length=1,
        help_text=_("Numbers of the order, suborders or shipments that changed"),
    )


# One order in the course of its days: rows as the tables have them, made into documents by what
# makes all others.
_NO = "2603017KQ4XW9T2M"
_FIRST, _SECOND = f"{_NO}-1", f"{_NO}-2"
_SHIPMENT = "S2603024H8VJ0C6YD"
_PLACED = "2026-03-01T10:15:00.281634+08:00"
_PAID = "2026-03-01T10:15:42.906117+08:00"
_SENT = "2026-03-02T09:40:13.552091+08:00"
_LATER = "2026-03-03T16:02:58.117420+08:00"
_PRICE, _FREIGHT = Decimal("32.00"), Decimal("8.00")


def _line(suborder: str, line_no: int, quantity: int, **facts: Any) -> dict[str, Any]:
    return {
        "suborder": suborder, "line_no": line_no, "origin_line_no": None, "sku": "MUG-WHITE-350",
        "name": "Mug, white, 350 ml", "quantity": quantity, "shipped_quantity": 0,
        "refunded_quantity": 0, "purchase_price": _PRICE, "market_price": "49.00",
        "sale_price": "39.00", "tax_rate": "0.13", "amount": _PRICE * quantity,
        "refunded_amount": "0.00", **facts,
    }  # fmt: skip


def _part(order_no: str, status: SuborderStatus, quantity: int, **facts: Any) -> dict[str, Any]:
    return {
        "order_no": order_no, "split_from": None, "status": status.value,
        "goods_amount": _PRICE * quantity, "freight_amount": _FREIGHT,
        "total_amount": _PRICE * quantity + _FREIGHT, "refunded_amount": "0.00",
        "shipped_at": None, "delivered_at": None, "completed_at": None, **facts,
    }  # fmt: skip


def _shipment(status: ParcelStatus) -> dict[str, Any]:
    return {
        "suborder": _FIRST, "shipment_no": _SHIPMENT, "carrier_code": "sf",
        "carrier_name": "SF Express", "waybill_no": "SF1390284417265", "status": status.value,
        "shipped_at": _SENT, "delivered_at": None,
        "lines": [{"line_no": 1, "sku": "MUG-WHITE-350", "quantity": 4}],
    }  # fmt: skip


def _news(
    changed: Sequence[str],
    *,
    status: OrderStatus,
    parts: Sequence[Mapping[str, Any]],
    lines: Sequence[Mapping[str, Any]],
    shipments: Sequence[Mapping[str, Any]] = (),
    **facts: Any,
) -> dict[str, Any]:
    order: dict[str, Any] = {
        "order_no": _NO, "merchant_order_no": "WEB-20260301-00017", "status": status.value,
        "dropped": [], "quote_id": None, "remark": None, "purchase_order_no": "PO-4711",
        "metadata": {"channel": "web"}, "expires_at": "2026-03-01T10:45:00.281634+08:00",
        "created_at": _PLACED, "updated_at": _PLACED, "paid_at": None, "cancelled_at": None,
        "closed_at": None, "close_reason": "", "consignee_erased_at": None,
        "consignee_name": "张三", "consignee_phone": "13800138000",
        "consignee_region_id": "110101", "consignee_address": "东长安街 1 号",
        "region_confidence": None, "version": 1,
    }  # fmt: skip
    amounts = {
        name: sum((Decimal(part[name]) for part in parts), money.ZERO)
        for name in ("goods_amount", "freight_amount", "total_amount", "refunded_amount")
    }
    document = order_document({**order, **amounts, **facts}, parts, lines, shipments)
    return {"order": document, "changed": list(changed)}


_UNPAID = {
    "parts": [_part(_FIRST, SuborderStatus.PENDING_PAYMENT, 4)],
    "lines": [_line(_FIRST, 1, 4)],
}
_ENDED = {
    "parts": [_part(_FIRST, SuborderStatus.CANCELLED, 4)],
    "lines": [_line(_FIRST, 1, 4)],
}
_SHIPPED: dict[str, Any] = {
    "status": OrderStatus.SHIPPED,
    "parts": [_part(_FIRST, SuborderStatus.SHIPPED, 4, shipped_at=_SENT)],
    "lines": [_line(_FIRST, 1, 4, shipped_quantity=4)],
    "paid_at": _PAID,
    "version": 3,
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "order.created": _news([_NO], status=OrderStatus.PENDING_PAYMENT, **_UNPAID),
    "order.split": _news(
        [_FIRST, _SECOND],
        status=OrderStatus.PENDING_PAYMENT,
        parts=[
            _part(_FIRST, SuborderStatus.PENDING_PAYMENT, 3),
            _part(_SECOND, SuborderStatus.PENDING_PAYMENT, 1),
        ],
        lines=[_line(_FIRST, 1, 3), _line(_SECOND, 2, 1)],
    ),
    "order.expired": _news(
        [_NO, _FIRST],
        status=OrderStatus.EXPIRED,
        updated_at="2026-03-01T10:45:00.907331+08:00",
        version=2,
        **_ENDED,
    ),
    "order.cancelled": _news(
        [_NO, _FIRST],
        status=OrderStatus.CANCELLED,
        updated_at=_PAID,
        cancelled_at=_PAID,
        version=2,
        **_ENDED,
    ),
    "order.status_changed": _news(
        [_NO, _FIRST],
        status=OrderStatus.PAID,
        parts=[_part(_FIRST, SuborderStatus.AWAITING_SHIPMENT, 4)],
        lines=[_line(_FIRST, 1, 4)],
        updated_at=_PAID,
        paid_at=_PAID,
        version=2,
    ),
    "order.updated": _news(
        [_FIRST],
        status=OrderStatus.PAID,
        parts=[_part(_FIRST, SuborderStatus.AWAITING_SHIPMENT, 4, refunded_amount=_PRICE)],
        lines=[_line(_FIRST, 1, 4, refunded_quantity=1, refunded_amount=_PRICE)],
        updated_at=_LATER,
        paid_at=_PAID,
        version=3,
    ),
    "shipment.created": _news(
        [_SHIPMENT],
        shipments=[_shipment(ParcelStatus.PENDING)],
        updated_at=_SENT,
        **_SHIPPED,
    ),
    "shipment.updated": _news(
        [_SHIPMENT],
        shipments=[_shipment(ParcelStatus.IN_TRANSIT)],
        **{**_SHIPPED, "updated_at": _LATER, "version": 4},
    ),
}
