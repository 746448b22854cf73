"""Confirming an order: the hold becomes a payment, reserved goods leave what is on hand, once."""

from __future__ import annotations

from datetime import datetime

from accounts.services import wallet
from catalog.services import stock
from openplatform.core.json_text import to_json
from openplatform.core.locking import transactional
from openplatform.core.statements import together
from openplatform.idempotency.services.replay import Answer, ReplayKey, claim, record
from openplatform.messaging.services.publishing import publish_all
from orders.errors import OrderExpired, OrderStateConflict
from orders.messages import order_draft
from orders.selectors.own import require_own
from orders.selectors.trees import OrderTree, read_trees, send_trees
from orders.services.transitions import CONFIRM, send_transition
from orders.states import OrderStatus


@transactional
def confirm_order(
    *, partner_id: int, order_no: str, actor: str, now: datetime, replay: ReplayKey | None = None
) -> Answer:
    """The paid order; once it is paid, again is a replay of the order as it is now.

    1. Claim the Idempotency-Key.
    2. Move the order, by compare-and-set against its state and the database's clock.
    3. Stock rows in order of id, the message, the answer and, last, the wallet.

    :raises NotFound: when the partner has no such order.
    :raises OrderExpired: past the deadline, whether or not the order was swept.
    :raises OrderStateConflict: when it was cancelled.
    """
    if (kept := claim(replay)) is not None:
        return kept
    with together():
        moved = send_transition(
            CONFIRM, order_no=order_no, partner_id=partner_id, actor=actor, now=now
        )
        trees = send_trees([order_no])
    tree = require_own(read_trees(trees), partner_id)
    if moved.row() is None:
        answer = _unmoved(tree)
        record(replay, answer)
        return answer
    document = tree.document()
    answer = Answer(200, to_json(document))
    changed = [order_no, *(part["order_no"] for part in tree.suborders)]
    with together():
        stock.send_payment(
            stock_ids=[line["stock_id"] for line in tree.lines],
            quantities=[line["quantity"] for line in tree.lines],
            document_no=order_no,
        )
        publish_all(
            [
                order_draft(
                    type="order.status_changed",
                    partner_id=partner_id,
                    document=document,
                    changed=changed,
                )
            ]
        )
        record(replay, answer)
        wallet.send_payment(
            partner_id=partner_id, order_no=order_no, amount=tree.order["total_amount"]
        )
    return answer


def _unmoved(tree: OrderTree) -> Answer:
    status = tree.order["status"]
    if status in (OrderStatus.PENDING_PAYMENT, OrderStatus.EXPIRED):
        raise OrderExpired(order_no=tree.order["order_no"])
    if status == OrderStatus.CANCELLED:
        raise OrderStateConflict(order_no=tree.order["order_no"], status=status)
    return Answer(200, to_json(tree.document()), is_replay=True)
