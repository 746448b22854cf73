"""What closing, splitting and moving mean for the units and the money of a suborder.

Nothing is read or written here: services act on these plans, and previews show them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from openplatform.core import money
from openplatform.core.errors import FieldInvalid
from orders.errors import OrderStateConflict, QuantityExceedsOrdered
from orders.models import OrderLine, Suborder
from orders.states import SuborderStatus

CLOSABLE = (SuborderStatus.AWAITING_SHIPMENT, SuborderStatus.PARTLY_SHIPPED)
MOVABLE = (SuborderStatus.AWAITING_SHIPMENT,)
ALL_CLAIMED = _("Everything that is left of it is claimed, and waits for the decision")


@dataclass(frozen=True, slots=True)
class Taken:
    """So many units of a line, and what was paid for them."""

    line: OrderLine
    quantity: int

    @property
    def amount(self) -> Decimal:
        """Goods without freight."""
        return self.line.purchase_price * self.quantity


@dataclass(frozen=True, slots=True)
class ClosingPlan:
    """Units that will not be shipped, and the money that goes back for them."""

    taken: tuple[Taken, ...]
    goods_amount: Decimal
    freight_amount: Decimal

    @property
    def amount(self) -> Decimal:
        """The refund."""
        return self.goods_amount + self.freight_amount


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """Units that go to another suborder or warehouse, with their share of the freight."""

    taken: tuple[Taken, ...]
    goods_amount: Decimal
    freight_amount: Decimal


def plan_closing(
    part: Suborder,
    lines: Sequence[OrderLine],
    quantities: Mapping[int, int] | None,
    *,
    refund_freight: bool | None,
) -> ClosingPlan:
    """What is closed of a suborder and refunded.

    :param quantities: units by line number; None is all that is left to ship.
    :param refund_freight: whether the freight not yet refunded goes back, too; None: when all units
        of the suborder are closed by then, so that none was ever shipped.
    :raises OrderStateConflict: when nothing waits for shipment.
    :raises QuantityExceedsOrdered: for more units than are left.
    :raises FieldInvalid: for a line of another suborder, or nothing at all.
    """
    _require_status(part, CLOSABLE)
    if quantities is None and not has_left(lines):
        raise OrderStateConflict(ALL_CLAIMED, order_no=part.order_no, status=part.status)
    taken = _take(lines, quantities)
    if refund_freight is None:
        going = {piece.line.pk: piece.quantity for piece in taken}
        freight_amount = freight_once_closed(part, lines, going)
    else:
        freight_amount = _freight_left(part) if refund_freight else money.ZERO
    return ClosingPlan(taken, _goods(taken), freight_amount)


def freight_once_closed(
    part: Suborder, lines: Sequence[OrderLine], closing: Mapping[int, int]
) -> Decimal:
    """What goes back of the freight by itself when units are refunded: all that was not refunded
    yet, when every unit of the suborder is closed by then, so that none was ever shipped; else
    nothing.

    :param lines: all lines of the suborder.
    :param closing: units that are refunded unshipped now, by the line's primary key.
    """
    is_all = all(line.closed_quantity + closing.get(line.pk, 0) == line.quantity for line in lines)
    return _freight_left(part) if is_all else money.ZERO


def has_left(lines: Iterable[OrderLine]) -> bool:
    """Whether there is a unit to ship that no open claim stops."""
    return any(line.left_quantity for line in lines)


def plan_split(
    part: Suborder, lines: Sequence[OrderLine], quantities: Mapping[int, int]
) -> SplitPlan:
    """What becomes a suborder of its own. The freight not yet refunded is divided by the goods that
    were not shipped, to the cent and without loss; units that open claims stop are among them, and
    stay.

    :param quantities: units by line number.
    :raises OrderStateConflict: unless the suborder awaits shipment.
    :raises QuantityExceedsOrdered: for more units than are left.
    :raises FieldInvalid: for a line of another suborder, nothing at all, or everything.
    """
    _require_status(part, MOVABLE)
    taken = _take(lines, quantities)
    unshipped = _unshipped(lines)
    if taken == unshipped:
        raise FieldInvalid(
            _("Nothing would stay: move the suborder as a whole instead"), pointer="/lines"
        )
    going = _goods(taken)
    _staying, freight = money.divide(_freight_left(part), [_goods(unshipped) - going, going])
    return SplitPlan(taken, going, freight)


def plan_move(part: Suborder, lines: Sequence[OrderLine]) -> SplitPlan:
    """What another warehouse takes over: all that was not shipped, units that open claims stop
    among it, with the freight not yet refunded.

    :raises OrderStateConflict: unless the suborder awaits shipment.
    """
    _require_status(part, MOVABLE)
    taken = _unshipped(lines)
    return SplitPlan(taken, _goods(taken), _freight_left(part))


def _require_status(part: Suborder, allowed: Collection[str]) -> None:
    if part.status not in allowed:
        raise OrderStateConflict(order_no=part.order_no, status=part.status)


def _take(lines: Sequence[OrderLine], quantities: Mapping[int, int] | None) -> tuple[Taken, ...]:
    if quantities is None:
        quantities = {line.line_no: line.left_quantity for line in lines if line.left_quantity}
    by_no = {line.line_no: line for line in lines}
    if not quantities or set(quantities) - set(by_no) or min(quantities.values()) < 1:
        raise FieldInvalid(_("The suborder has no such line"), pointer="/lines")
    for line_no, quantity in quantities.items():
        left = by_no[line_no].left_quantity
        if quantity > left:
            raise QuantityExceedsOrdered(pointer="/lines", line_no=str(line_no), left=left)
    return tuple(Taken(by_no[line_no], quantities[line_no]) for line_no in sorted(quantities))


def _unshipped(lines: Sequence[OrderLine]) -> tuple[Taken, ...]:
    held = ((line, line.left_quantity + line.stopped_quantity) for line in lines)
    return tuple(Taken(line, quantity) for line, quantity in held if quantity)


def _goods(taken: Sequence[Taken]) -> Decimal:
    return sum((piece.amount for piece in taken), money.ZERO)


def _freight_left(part: Suborder) -> Decimal:
    return part.freight_amount - part.refunded_freight_amount
