"""What of an order line can be claimed: nothing is read or written here."""

from __future__ import annotations

from decimal import Decimal

from aftersales.models import ClaimType
from openplatform.core import money
from orders.models import OrderLine
from orders.states import SuborderStatus

# Paid, and not wholly refunded.
CLAIMABLE = (
    SuborderStatus.AWAITING_SHIPMENT,
    SuborderStatus.PARTLY_SHIPPED,
    SuborderStatus.SHIPPED,
    SuborderStatus.DELIVERED,
    SuborderStatus.COMPLETED,
)


def returnable_quantity(line: OrderLine) -> int:
    """Units that were shipped, and neither refunded since nor are claimed: they can be sent back.

    The others that can be claimed are those that are left to ship.
    """
    refunded_after_shipment = line.refunded_quantity - line.closed_quantity
    claimed_after_shipment = line.claimed_quantity - line.stopped_quantity
    return line.shipped_quantity - refunded_after_shipment - claimed_after_shipment


def claimable_quantity(line: OrderLine, type: ClaimType) -> int:
    """How many units can be claimed in this way."""
    if type == ClaimType.RETURN_REFUND:
        return returnable_quantity(line)
    return line.claimable_quantity


def types_of(line: OrderLine) -> list[ClaimType]:
    """The ways in which units of a line can be claimed."""
    return [type for type in ClaimType if claimable_quantity(line, type) > 0]


def unshipped_of(line: OrderLine, type: ClaimType, quantity: int) -> int:
    """How many of the units claimed have not left: of a refund as many as there are."""
    return min(quantity, line.left_quantity) if type == ClaimType.REFUND else 0


def refundable_amount(line: OrderLine) -> Decimal:
    """The most that claims can still bring for a line: what was paid for its claimable units."""
    left = line.amount - line.refunded_amount
    return money.round_amount(min(line.purchase_price * line.claimable_quantity, left))
