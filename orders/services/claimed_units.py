"""Steps for claims, which stand above orders: units that are claimed, and what was refunded for
them. The caller holds the lock of the order (:func:`orders.services.locked_parts.lock_part`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from catalog.services import stock
from openplatform.core import money
from openplatform.core.locking import require_transaction
from orders.models import OrderLine
from orders.services.locked_parts import LockedPart, lock_stock
from orders.services.progress import advance, tell

# A step of a statement, behind a `claimed (line_id, quantity, unshipped)` with a row for each line:
# what `claim_units` does. `counted` has a row for each line.
CLAIM_STEP = """counted AS (
        UPDATE orders_orderline line
        SET claimed_quantity = claimed_quantity + claimed.quantity,
            stopped_quantity = stopped_quantity + claimed.unshipped
        FROM claimed WHERE line.id = claimed.line_id
        RETURNING line.id
    )"""


@dataclass(frozen=True, slots=True)
class ClaimedUnits:
    """Units of a line in an open claim; ``unshipped`` of them stay in the warehouse meanwhile."""

    line: OrderLine
    quantity: int
    unshipped: int


@dataclass(frozen=True, slots=True)
class RefundedUnits:
    """Units of a line that are refunded, and the money for them; ``unshipped`` of them never left
    the warehouse and can be sold again.
    """

    line: OrderLine
    quantity: int
    unshipped: int
    amount: Decimal


def claim_units(units: Sequence[ClaimedUnits]) -> None:
    """Step: keep units from being claimed again and, those not shipped, from being shipped."""
    _count(units, sign=1)


def free_units(units: Sequence[ClaimedUnits]) -> None:
    """Step: a claim ended without them; they can be claimed and shipped again."""
    _count(units, sign=-1)


def refund_units(
    locked: LockedPart,
    *,
    units: Sequence[RefundedUnits],
    freight_amount: Decimal,
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    """Step: units that are refunded, none of them claimed any more: facts, stock, states, one
    message. The wallet is the caller's, last.

    1. Lines, suborder, order. 2. What never left is stock again. 3. States, and
    ``order.status_changed`` when one changed, else ``order.updated``.

    Amounts may be zero; the constraints of the tables refuse what exceeds what was paid.
    """
    require_transaction()
    order, part = locked.order, locked.part
    for piece in units:
        piece.line.closed_quantity += piece.unshipped
        piece.line.refunded_quantity += piece.quantity
        piece.line.refunded_amount += piece.amount
    OrderLine.objects.bulk_update(
        [piece.line for piece in units], ["closed_quantity", "refunded_quantity", "refunded_amount"]
    )
    amount = sum((piece.amount for piece in units), money.ZERO) + freight_amount
    part.refunded_amount += amount
    part.refunded_freight_amount += freight_amount
    part.save(update_fields=["refunded_amount", "refunded_freight_amount"])
    order.refunded_amount += amount  # written with the states
    unshipped = [piece for piece in units if piece.unshipped]
    if unshipped:
        rows = lock_stock(
            warehouse_ids=[part.warehouse_id], lines=[piece.line for piece in unshipped]
        )
        stock.send_restock(
            stock_ids=[rows[part.warehouse_id, piece.line.sku_id] for piece in unshipped],
            quantities=[piece.unshipped for piece in unshipped],
            document_no=part.order_no,
        )
    changed = advance(order, actor=actor, now=now, reason=reason)
    if changed:
        tell(order, [("order.status_changed", changed)])
    else:
        tell(order, [("order.updated", [part.order_no])])


def _count(units: Sequence[ClaimedUnits], *, sign: int) -> None:
    require_transaction()
    for piece in units:
        piece.line.claimed_quantity += sign * piece.quantity
        piece.line.stopped_quantity += sign * piece.unshipped
    OrderLine.objects.bulk_update(
        [piece.line for piece in units], ["claimed_quantity", "stopped_quantity"]
    )
