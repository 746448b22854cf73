"""Confirming an order: the hold becomes a payment, reserved goods leave what is on hand, once.

All of it is one statement, whose steps are those of the packages that own the rows; what each is
given stands in the step before it. That makes the order of locks, too: a step that reads another is
run after it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings

from accounts.services import wallet
from catalog.services import stock
from openplatform.core.json_text import to_json
from openplatform.core.locking import single_statement, transactional
from openplatform.core.statements import send
from openplatform.core.wakeups import OUTBOX, wake
from openplatform.idempotency.services.replay import (
    RECORD_STEP,
    Answer,
    ReplayKey,
    claim,
    record,
)
from openplatform.messaging.types import TYPES
from orders.errors import OrderExpired, OrderStateConflict
from orders.selectors.own import require_own
from orders.selectors.trees import read_trees, send_trees
from orders.services import moved_documents, transitions
from orders.services.transitions import CONFIRM
from orders.states import OrderStatus

# 1. The order, its parts and their events, by compare-and-set.
# 2. Its lines with their rows of stock, and its document, which is the answer.
# 3. Rows of stock in order of id.
# 4. The message and, under an Idempotency-Key, the answer.
# 5. The wallet, once all of these are written: counting their rows waits for them.
PAY = f"""
    WITH {transitions.STEPS.format(deadline=CONFIRM.deadline)},
    {moved_documents.STEPS},
    wanted AS (SELECT stock_id, sum(quantity)::int AS quantity FROM goods GROUP BY stock_id),
    {stock.PAYMENT_STEPS},
    published AS (
        INSERT INTO messaging_outbox (type, subject, partner_ids, data)
        SELECT %(message_type)s, 'order:' || moved.order_no, ARRAY[moved.partner_id],
            jsonb_build_object(
                'order', answer.body,
                'changed', moved.order_no || ARRAY(SELECT order_no FROM parts ORDER BY id)
            )
        FROM moved, answer
        RETURNING id
    ),
    {{kept}},
    due AS MATERIALIZED (
        SELECT partner_id, order_no, total_amount AS amount FROM moved
        WHERE (SELECT count(*) FROM told) + (SELECT count(*) FROM noted)
            + (SELECT count(*) FROM published) + (SELECT count(*) FROM kept) > 0
    ),
    {wallet.PAYMENT_STEPS}
    SELECT body::text FROM answer
"""  # noqa: S608 - put together from constants
PAY_ONCE = PAY.format(kept="kept AS (SELECT FROM answer)")
PAY_REPLAYABLY = PAY.format(kept=RECORD_STEP)


def confirm_order(
    *, partner_id: int, order_no: str, actor: str, now: datetime, replay: ReplayKey | None = None
) -> Answer:
    """The paid order; once it is paid, again is a replay of the order as it is now.

    :raises NotFound: when the partner has no such order.
    :raises OrderExpired: past the deadline, whether or not the order was swept.
    :raises OrderStateConflict: when it was cancelled.
    """
    parameters = {
        **transitions.parameters(
            CONFIRM, order_no=order_no, partner_id=partner_id, actor=actor, now=now
        ),
        "document_no": order_no,
        "currency": settings.CURRENCY,
        "message_type": TYPES["order.status_changed"].name,
    }
    if replay is None:
        return _confirm(partner_id, order_no, parameters)
    return _confirm_replayably(partner_id, order_no, parameters, replay)


@single_statement
def _confirm(partner_id: int, order_no: str, parameters: dict[str, Any]) -> Answer:
    paid = send(PAY_ONCE, parameters).row()
    if paid is None:
        return _unmoved(partner_id, order_no)
    wake(OUTBOX)
    return Answer(200, paid[0].encode())


@transactional
def _confirm_replayably(
    partner_id: int, order_no: str, parameters: dict[str, Any], replay: ReplayKey
) -> Answer:
    """Claim the Idempotency-Key, then the same."""
    if (kept := claim(replay)) is not None:
        return kept
    paid = send(PAY_REPLAYABLY, {**parameters, **replay.parameters()}).row()
    if paid is not None:
        wake(OUTBOX)
        return Answer(200, paid[0].encode())
    answer = _unmoved(partner_id, order_no)
    record(replay, answer)
    return answer


def _unmoved(partner_id: int, order_no: str) -> Answer:
    """The order as it is, if it was paid before."""
    tree = require_own(read_trees(send_trees([order_no])), partner_id)
    status = tree.order["status"]
    if status in (OrderStatus.PENDING_PAYMENT, OrderStatus.EXPIRED):
        raise OrderExpired(order_no=order_no)
    if status == OrderStatus.CANCELLED:
        raise OrderStateConflict(order_no=order_no, status=status)
    return Answer(200, to_json(tree.document()), is_replay=True)
