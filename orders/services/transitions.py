"""The one place where the status of an order changes before and at payment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, Unpack

from openplatform.core.locking import require_transaction
from openplatform.core.statements import Sent, send
from orders.states import OrderStatus, SuborderStatus

# Compare-and-set: the row moves only from the state that the caller counts on, so of two at once
# one moves it and the other sees no row. A deadline is compared by the database's clock.
#
# Steps to begin a statement with: `moved` has the order as it is now, if it moved, `parts` its
# parts, and `told` a row for each event.
STEPS = """moved AS (
        UPDATE orders_order
        SET status = %(to)s::text, version = version + 1, updated_at = %(now)s::timestamptz,
            paid_at = CASE WHEN %(to)s = 'paid' THEN %(now)s ELSE paid_at END,
            cancelled_at = CASE WHEN %(to)s = 'cancelled' THEN %(now)s ELSE cancelled_at END
        WHERE order_no = %(order_no)s AND status = %(from)s::text
            AND (%(partner_id)s::bigint IS NULL OR partner_id = %(partner_id)s)
            AND {deadline}
        RETURNING orders_order.*
    ), parts AS (
        UPDATE orders_suborder part SET status = %(part_to)s::text
        FROM moved
        WHERE part.order_id = moved.id AND part.status = %(part_from)s::text
        RETURNING part.*
    ), told AS (
        INSERT INTO orders_orderevent
            (order_id, subject_no, from_status, to_status, actor, reason, created_at)
        SELECT id, order_no, %(from)s, %(to)s, %(actor)s::text, '', %(now)s
        FROM moved
        UNION ALL
        SELECT order_id, order_no, %(part_from)s, %(part_to)s, %(actor)s, '', %(now)s
        FROM parts
        RETURNING id
    )"""
MOVE = f"WITH {STEPS} SELECT id FROM moved"  # noqa: S608 - put together from constants


@dataclass(frozen=True, slots=True)
class Transition:
    """Where an order that is not paid yet may go, with all its parts."""

    to: OrderStatus
    part_to: SuborderStatus
    deadline: str


CONFIRM = Transition(
    OrderStatus.PAID, SuborderStatus.AWAITING_SHIPMENT, "expires_at > clock_timestamp()"
)
CANCEL = Transition(OrderStatus.CANCELLED, SuborderStatus.CANCELLED, "true")
EXPIRE = Transition(
    OrderStatus.EXPIRED, SuborderStatus.CANCELLED, "expires_at <= clock_timestamp()"
)


class Asked(TypedDict):
    """Which order is to move, and for whom; any partner's, when it is None."""

    order_no: str
    partner_id: int | None
    actor: str
    now: datetime


def send_transition(transition: Transition, **asked: Unpack[Asked]) -> Sent:
    """Step: move a pending order and its parts. No row comes back when it did not move."""
    require_transaction()
    return send(MOVE.format(deadline=transition.deadline), parameters(transition, **asked))


def parameters(transition: Transition, **asked: Unpack[Asked]) -> dict[str, Any]:
    """What the steps take."""
    return {
        **asked,
        "from": OrderStatus.PENDING_PAYMENT.value,
        "to": transition.to.value,
        "part_from": SuborderStatus.PENDING_PAYMENT.value,
        "part_to": transition.part_to.value,
    }
