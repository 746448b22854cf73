"""What can be claimed of an order, before anything is."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from aftersales.claimable import (
    CLAIMABLE,
    claimable_quantity,
    refundable_amount,
    returnable_quantity,
    types_of,
)
from aftersales.models import ClaimType, Reason
from openplatform.core import money
from openplatform.core.clock import to_text
from openplatform.core.errors import NotFound
from openplatform.core.statements import send
from orders.models import OrderLine

PARTS = """
    SELECT part.id, part.order_no, part.status,
        part.freight_amount - part.refunded_freight_amount AS freight_left,
        part.completed_at + make_interval(days => %(days)s) AS until,
        coalesce(
            part.completed_at + make_interval(days => %(days)s) <= clock_timestamp(), false
        ) AS is_late
    FROM orders_suborder part
    JOIN orders_order "order" ON "order".id = part.order_id
    WHERE "order".partner_id = %(partner_id)s AND {named} = %(order_no)s
    ORDER BY part.id
"""
BY_CHILD = PARTS.format(named="part.order_no")
BY_PARENT = PARTS.format(named='"order".order_no')


class _Part(NamedTuple):
    id: int
    order_no: str
    status: str
    freight_left: Decimal
    until: datetime | None
    is_late: bool

    @property
    def is_open(self) -> bool:
        """Whether anything of it may be claimed."""
        return self.status in CLAIMABLE and not self.is_late


def get_options_document(*, partner_id: int, order_no: str) -> dict[str, Any]:
    """``GET /orders/{order_no}/aftersale-options``: by a child's number its own lines, by a
    parent's those of all suborders. Reasons are named in the language that is active.

    :raises NotFound: when the partner has no such order.
    """
    parts = _find_parts(partner_id, order_no)
    by_id = {part.id: part for part in parts}
    lines = list(OrderLine.objects.filter(suborder__in=by_id).order_by("line_no"))
    claimable = {
        line.suborder_id
        for line in lines
        if by_id[line.suborder_id].is_open and line.claimable_quantity
    }
    freight = sum((part.freight_left for part in parts if part.id in claimable), money.ZERO)
    return {
        "order_no": order_no,
        "currency": settings.CURRENCY,
        "refundable_freight": money.to_text(freight),
        "lines": [_line_document(line, by_id[line.suborder_id]) for line in lines],
        "reasons": [_reason_document(reason) for reason in Reason.objects.filter(is_active=True)],
    }


def _find_parts(partner_id: int, order_no: str) -> list[_Part]:
    values = {"partner_id": partner_id, "order_no": order_no, "days": settings.AFTERSALE_DAYS}
    rows = send(BY_CHILD, values).rows() or send(BY_PARENT, values).rows()
    if not rows:
        raise NotFound(_("There is no order with this number"))
    return [_Part(*row) for row in rows]


def _line_document(line: OrderLine, part: _Part) -> dict[str, Any]:
    is_open = part.is_open
    return {
        "line_no": str(line.line_no),
        "order_no": part.order_no,
        "sku": line.sku_code,
        "name": line.name,
        "claimable_quantity": claimable_quantity(line, ClaimType.REFUND) if is_open else 0,
        "returnable_quantity": returnable_quantity(line) if is_open else 0,
        "types": [type.value for type in types_of(line)] if is_open else [],
        "until": to_text(part.until),
        "refundable_amount": money.to_text(refundable_amount(line) if is_open else money.ZERO),
    }


def _reason_document(reason: Reason) -> dict[str, Any]:
    return {
        "code": reason.code,
        "name": reason.shown_name,
        "types": reason.types,
        "pictures_required": reason.pictures_required,
    }
