"""Goods were received: their merchant says so, or enough time has gone by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.db import Error

from openplatform.core import clock
from openplatform.core.errors import DomainError, NotFound
from openplatform.core.json_text import to_json
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from openplatform.idempotency.services.replay import Answer, ReplayKey, claim, record
from orders.documents import child_document
from orders.errors import OrderStateConflict
from orders.models import Order, Suborder
from orders.selectors.trees import read_trees, send_trees
from orders.services.progress import advance, lock_order, tell
from orders.states import SuborderStatus

log = structlog.get_logger(__name__)

RECEIVABLE = (SuborderStatus.SHIPPED, SuborderStatus.DELIVERED)
RECEIPT_BATCH = 200
PUT_OFF_MINUTES = 5
# A parcel that is lost, refused, on its way back or stuck stops its part until somebody saw to it.
IS_DUE = """
    part.status IN ('shipped', 'delivered') AND part.receipt_due_at <= clock_timestamp()
    AND NOT EXISTS (
        SELECT FROM orders_shipment shipment
        WHERE shipment.suborder_id = part.id AND shipment.troubled_at IS NOT NULL
            AND shipment.settled_at IS NULL
    )
"""
DUE = f"""
    SELECT part.order_no FROM orders_suborder part WHERE {IS_DUE}
    ORDER BY part.receipt_due_at LIMIT %s
"""  # noqa: S608 - of constants
STILL_DUE = f"SELECT part.id FROM orders_suborder part WHERE part.id = %s AND {IS_DUE}"  # noqa: S608
# What somebody holds is left: whoever fails at it must not wait for it as well.
PUT_OFF = """
    UPDATE orders_suborder SET receipt_due_at = clock_timestamp() + make_interval(mins => %s)
    WHERE id IN (
        SELECT id FROM orders_suborder
        WHERE order_no = %s AND receipt_due_at <= clock_timestamp()
        FOR NO KEY UPDATE SKIP LOCKED
    )
"""


@transactional
def receive_order(
    *, partner_id: int, order_no: str, actor: str, now: datetime, replay: ReplayKey | None = None
) -> Answer:
    """The suborder with this number, received; by a parent's number the order, with every part
    received that has wholly left. Once there is nothing more to receive, again is a replay.

    1. Claim the Idempotency-Key. 2. Lock the order. 3. States and message. 4. The answer.

    :raises NotFound: when the partner has no such order.
    :raises OrderStateConflict: when nothing of it has wholly left its warehouse.
    """
    if (kept := claim(replay)) is not None:
        return kept
    order, part = _find(partner_id, order_no)
    order = lock_order(order_id=order.pk)
    parts = [row for row in order.suborders.order_by("id") if part is None or row.pk == part.pk]
    due = [row for row in parts if row.status in RECEIVABLE]
    if not due and not any(row.completed_at for row in parts):
        status = order.status if part is None else parts[0].status
        raise OrderStateConflict(order_no=order_no, status=status)
    if due:
        _complete(order, due, actor=actor, now=now)
    [tree] = read_trees(send_trees([order.order_no]))
    document = tree.document()
    if part is not None:
        document = child_document(document, part.order_no)
    answer = Answer(200, to_json(document), is_replay=not due)
    record(replay, answer)
    return answer


def receive_due_suborders() -> int:
    """Receive a batch of parts whose time has come by the database's clock; how many. Any process
    may, at any time; the tables alone say what is due. One that cannot be received is put off.

    :raises Error: the last fault of the database, once every other part has had its turn.
    """
    due = [row[0] for row in send(DUE, [RECEIPT_BATCH]).rows()]
    received, fault = 0, None
    for order_no in due:
        try:
            received += receive_due_suborder(suborder_no=order_no, now=clock.now())
        except (Error, DomainError) as error:
            # One that cannot be received must not keep the others waiting.
            log.error("suborder_not_received", order_no=order_no, error=str(error))
            send(PUT_OFF, [PUT_OFF_MINUTES, order_no])
            fault = error if isinstance(error, Error) else fault
    if fault is not None:
        raise fault
    return received


@transactional
def receive_due_suborder(*, suborder_no: str, now: datetime) -> bool:
    """Receive one part if it is due under its order's lock; whether it was this call that did."""
    part = Suborder.objects.get(order_no=suborder_no)
    order = lock_order(order_id=part.order_id)
    if send(STILL_DUE, [part.pk]).row() is None:
        return False
    _complete(order, [part], actor="platform", now=now)
    return True


def _find(partner_id: int, order_no: str) -> tuple[Order, Suborder | None]:
    order = Order.objects.filter(order_no=order_no, partner_id=partner_id).first()
    if order is not None:
        return order, None
    part = (
        Suborder.objects.select_related("order")
        .filter(order_no=order_no, order__partner_id=partner_id)
        .first()
    )
    if part is None:
        raise NotFound
    return part.order, part


def _complete(order: Order, parts: Sequence[Suborder], *, actor: str, now: datetime) -> None:
    Suborder.objects.filter(pk__in=[part.pk for part in parts]).update(completed_at=now)
    tell(order, [("order.status_changed", advance(order, actor=actor, now=now))])
