"""The states of orders and suborders as tables, and the rules that tell them from facts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _


class OrderStatus(models.TextChoices):
    """What the order as a whole has come to."""

    PENDING_PAYMENT = "pending_payment", _("Pending payment")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", _("Expired")
    PAID = "paid", _("Paid")
    PARTLY_SHIPPED = "partly_shipped", _("Partly shipped")
    SHIPPED = "shipped", _("Shipped")
    DELIVERED = "delivered", _("Delivered")
    COMPLETED = "completed", _("Completed")
    CLOSED = "closed", _("Closed")


class SuborderStatus(models.TextChoices):
    """How far one warehouse's part has come."""

    PENDING_PAYMENT = "pending_payment", _("Pending payment")
    CANCELLED = "cancelled", _("Cancelled")
    AWAITING_SHIPMENT = "awaiting_shipment", _("Awaiting shipment")
    PARTLY_SHIPPED = "partly_shipped", _("Partly shipped")
    SHIPPED = "shipped", _("Shipped")
    DELIVERED = "delivered", _("Delivered")
    COMPLETED = "completed", _("Completed")
    CLOSED = "closed", _("Closed")


O, S = OrderStatus, SuborderStatus  # noqa: E741 - the tables below stay readable

_AFTER_PAYMENT = frozenset(
    {O.PAID, O.PARTLY_SHIPPED, O.SHIPPED, O.DELIVERED, O.COMPLETED, O.CLOSED}
)
# An order follows its suborders, so between paid and closed it may pass over a state, and a later
# split or refund may change which suborder is the least advanced.
ORDER_TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    O.PENDING_PAYMENT: frozenset({O.CANCELLED, O.EXPIRED, O.PAID}),
    O.CANCELLED: frozenset(),
    O.EXPIRED: frozenset(),
    O.PAID: _AFTER_PAYMENT - {O.PAID},
    # Back to paid when the part that was shipped is closed by a refund and the others still wait.
    O.PARTLY_SHIPPED: frozenset({O.PAID, O.SHIPPED, O.DELIVERED, O.COMPLETED, O.CLOSED}),
    O.SHIPPED: frozenset({O.DELIVERED, O.COMPLETED, O.CLOSED}),
    O.DELIVERED: frozenset({O.COMPLETED, O.CLOSED}),
    O.COMPLETED: frozenset({O.CLOSED}),
    O.CLOSED: frozenset(),
}
SUBORDER_TRANSITIONS: dict[SuborderStatus, frozenset[SuborderStatus]] = {
    S.PENDING_PAYMENT: frozenset({S.CANCELLED, S.AWAITING_SHIPMENT}),
    S.CANCELLED: frozenset(),
    S.AWAITING_SHIPMENT: frozenset({S.PARTLY_SHIPPED, S.SHIPPED, S.CLOSED}),
    S.PARTLY_SHIPPED: frozenset({S.SHIPPED, S.CLOSED}),
    S.SHIPPED: frozenset({S.DELIVERED, S.COMPLETED, S.CLOSED}),
    S.DELIVERED: frozenset({S.COMPLETED, S.CLOSED}),
    S.COMPLETED: frozenset({S.CLOSED}),
    S.CLOSED: frozenset(),
}

_BY_LEAST_ADVANCED = (
    (S.SHIPPED, O.SHIPPED),
    (S.DELIVERED, O.DELIVERED),
    (S.COMPLETED, O.COMPLETED),
)


@dataclass(frozen=True, slots=True)
class Units:
    """What became of the units of a line. Closed ones were refunded before they were shipped;
    refunded ones count these too, and any that came back.
    """

    quantity: int
    shipped: int
    closed: int
    refunded: int


def paid_suborder_status(
    lines: Collection[Units], *, is_delivered: bool, is_completed: bool
) -> SuborderStatus:
    """The status of a paid suborder from its facts.

    Every unit refunded is ``closed``. Something left to ship is ``awaiting_shipment``, or
    ``partly_shipped`` once anything was; else how far its parcels have come.
    """
    if all(line.refunded == line.quantity for line in lines):
        return S.CLOSED
    if any(line.quantity > line.shipped + line.closed for line in lines):
        return S.PARTLY_SHIPPED if any(line.shipped for line in lines) else S.AWAITING_SHIPMENT
    if is_completed:
        return S.COMPLETED
    return S.DELIVERED if is_delivered else S.SHIPPED


def paid_order_status(suborders: Collection[str]) -> OrderStatus:
    """The status of a paid order from those of its suborders.

    Closed suborders aside: nothing shipped is ``paid``, some shipped ``partly_shipped``, else the
    state of the suborder least advanced; all closed is ``closed``.
    """
    open_ones = set(suborders) - {S.CLOSED}
    if not open_ones:
        return O.CLOSED
    if open_ones == {S.AWAITING_SHIPMENT}:
        return O.PAID
    if open_ones & {S.AWAITING_SHIPMENT, S.PARTLY_SHIPPED}:
        return O.PARTLY_SHIPPED
    return next(order for suborder, order in _BY_LEAST_ADVANCED if suborder in open_ones)
