"""An order that will not be paid: cancelled by its merchant, or run out of time."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import Error

from accounts.services import wallet
from catalog.services import stock
from openplatform.core import clock
from openplatform.core.errors import TemporarilyUnavailable
from openplatform.core.json_text import to_json
from openplatform.core.locking import transactional
from openplatform.core.statements import send, together
from openplatform.idempotency.services.replay import Answer, ReplayKey, claim, record
from openplatform.messaging.services.publishing import publish_all
from orders.errors import OrderStateConflict
from orders.messages import order_draft
from orders.selectors.own import require_own
from orders.selectors.trees import OrderTree, read_trees, send_trees
from orders.services.transitions import CANCEL, EXPIRE, send_transition
from orders.states import OrderStatus

log = structlog.get_logger(__name__)

EXPIRY_BATCH = 200
DUE = """
    SELECT order_no FROM orders_order
    WHERE status = 'pending_payment' AND expires_at <= clock_timestamp()
    ORDER BY expires_at LIMIT %s
"""


@transactional
def cancel_order(
    *, partner_id: int, order_no: str, actor: str, now: datetime, replay: ReplayKey | None = None
) -> Answer:
    """The cancelled order; once it is cancelled, again is a replay.

    :raises NotFound: when the partner has no such order.
    :raises OrderStateConflict: when it was paid or ran out of time.
    """
    if (kept := claim(replay)) is not None:
        return kept
    with together():
        moved = send_transition(
            CANCEL, order_no=order_no, partner_id=partner_id, actor=actor, now=now
        )
        trees = send_trees([order_no])
    tree = require_own(read_trees(trees), partner_id)
    has_moved = moved.row() is not None
    if not has_moved and tree.order["status"] != OrderStatus.CANCELLED:
        raise OrderStateConflict(order_no=order_no, status=tree.order["status"])
    answer = Answer(200, to_json(tree.document()), is_replay=not has_moved)
    if has_moved:
        _free(tree, "order.cancelled", replay, answer)
    else:
        record(replay, answer)
    return answer


def expire_due_orders() -> int:
    """End a batch of orders whose deadline has passed; how many. Any process may, at any time.

    :raises Error: the last fault of the database, once every other order has had its turn.
    """
    due = [row[0] for row in send(DUE, [EXPIRY_BATCH]).rows()]
    ended, fault = 0, None
    for order_no in due:
        try:
            ended += expire_order(order_no=order_no, now=clock.now())
        except (Error, TemporarilyUnavailable) as error:
            log.warning("order_not_expired", order_no=order_no, error=str(error))
            fault = error
    if fault is not None:
        raise fault
    return ended


@transactional
def expire_order(*, order_no: str, now: datetime) -> bool:
    """End one order if its deadline has passed by the database's clock; whether it was this call
    that did."""
    with together():
        moved = send_transition(
            EXPIRE, order_no=order_no, partner_id=None, actor="platform", now=now
        )
        trees = send_trees([order_no])
    if moved.row() is None:
        return False
    [tree] = read_trees(trees)
    _free(tree, "order.expired", None, None)
    return True


def _free(
    tree: OrderTree, message_type: str, replay: ReplayKey | None, answer: Answer | None
) -> None:
    """Stock rows in order of id, the message, the answer and, last, the wallet."""
    order = tree.order
    with together():
        stock.send_release(
            stock_ids=[line["stock_id"] for line in tree.lines],
            quantities=[line["quantity"] for line in tree.lines],
            document_no=order["order_no"],
        )
        publish_all(
            [
                order_draft(
                    type=message_type,
                    partner_id=order["partner_id"],
                    document=tree.document(),
                    changed=[order["order_no"], *(part["order_no"] for part in tree.suborders)],
                )
            ]
        )
        if answer is not None:
            record(replay, answer)
        wallet.send_release(
            partner_id=order["partner_id"],
            order_no=order["order_no"],
            amount=order["total_amount"],
        )
