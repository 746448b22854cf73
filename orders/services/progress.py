"""How far a paid order has come: its states follow from its facts, here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from openplatform.core.locking import require_transaction
from openplatform.messaging.services.publishing import publish_all
from orders.errors import OrderStateConflict
from orders.messages import order_draft
from orders.models import Order, OrderEvent, Suborder
from orders.selectors.trees import read_trees, send_trees
from orders.services.arrival import note_arrivals
from orders.states import (
    ORDER_TRANSITIONS,
    SUBORDER_TRANSITIONS,
    OrderStatus,
    SuborderStatus,
    Units,
    paid_order_status,
    paid_suborder_status,
)


def lock_order(*, order_id: int) -> Order:
    """Step: the order, locked until the transaction ends."""
    require_transaction()
    return Order.objects.select_for_update(no_key=True).get(pk=order_id)


def advance(order: Order, *, actor: str, now: datetime, reason: str = "") -> list[str]:
    """Step: bring a paid order and its parts to the states that follow from their facts, which
    :func:`tell` tells of. Facts (quantities, refunds, parcels, when a part was completed) are
    written before; ``order`` is locked by the caller.

    :returns: the numbers of what came to another state, the order's own first.
    :raises OrderStateConflict: for a step that the tables of states do not have.
    """
    require_transaction()
    note_arrivals(order_id=order.pk)
    changed = []
    statuses = []
    for part in order.suborders.order_by("id").prefetch_related("lines"):
        status = paid_suborder_status(
            [
                Units(
                    line.quantity,
                    line.shipped_quantity,
                    line.closed_quantity,
                    line.refunded_quantity,
                )
                for line in part.lines.all()
            ],
            is_delivered=part.delivered_at is not None,
            is_completed=part.completed_at is not None,
        )
        statuses.append(status)
        if part.status != status:
            allowed = SUBORDER_TRANSITIONS[SuborderStatus(part.status)]
            if status not in allowed and SuborderStatus.SHIPPED in allowed:
                # What leaves in a parcel that has arrived already passes through being shipped; so
                # does what arrived before the rest of it was closed.
                _move_part(order, part, SuborderStatus.SHIPPED, actor=actor, now=now, reason=reason)
            _move_part(order, part, status, actor=actor, now=now, reason=reason)
            changed.append(part.order_no)
    whole = paid_order_status(statuses)
    if order.status != whole:
        if whole not in ORDER_TRANSITIONS[OrderStatus(order.status)]:
            raise OrderStateConflict(order_no=order.order_no, status=order.status)
        _add_event(order, order.order_no, order.status, whole, actor=actor, now=now, reason=reason)
        order.status = whole
        changed.insert(0, order.order_no)
        if whole == OrderStatus.CLOSED:
            order.closed_at, order.close_reason = now, reason
    order.updated_at = now
    order.save(
        update_fields=["status", "updated_at", "closed_at", "close_reason", "refunded_amount"]
    )
    return changed


def tell(order: Order, messages: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Step: one message for each type and the numbers that changed, with the order as it is now.

    Each counts the order's version up: whoever has read the first of two that belong together must
    not take the second for one that came twice.
    """
    require_transaction()
    first = order.version + 1
    order.version += len(messages)
    order.save(update_fields=["version"])
    [tree] = read_trees(send_trees([order.order_no]))
    document = tree.document()
    publish_all(
        [
            order_draft(
                type=type,
                partner_id=order.partner_id,
                document={**document, "version": version},
                changed=numbers,
            )
            for version, (type, numbers) in enumerate(messages, first)
        ]
    )


def _move_part(
    order: Order,
    part: Suborder,
    status: SuborderStatus,
    *,
    actor: str,
    now: datetime,
    reason: str,
) -> None:
    if status not in SUBORDER_TRANSITIONS[SuborderStatus(part.status)]:
        raise OrderStateConflict(order_no=part.order_no, status=part.status)
    _add_event(order, part.order_no, part.status, status, actor=actor, now=now, reason=reason)
    part.status = status
    part.save(update_fields=["status"])


def _add_event(
    order: Order,
    subject_no: str,
    from_status: str,
    to_status: str,
    *,
    actor: str,
    now: datetime,
    reason: str,
) -> None:
    OrderEvent.objects.create(
        order=order,
        subject_no=subject_no,
        from_status=from_status,
        to_status=to_status,
        actor=actor,
        reason=reason,
        created_at=now,
    )
