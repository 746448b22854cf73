"""A planned order written by one statement: its rows, stock, messages, answer and, last, the hold.

The stock that it takes is locked ahead of it, in the same round trip. Its steps are those of the
packages that own the rows; a step that reads another is run after it, so the wallet comes last.

It runs in two ways. In a transaction nothing is judged: what comes back says what was written, and
a caller that misses something rolls it all back. By itself, without BEGIN and COMMIT, it writes
either a whole order or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import DataError

from accounts.services import wallet
from catalog.services import stock
from openplatform.core.json_text import to_json
from openplatform.core.locking import require_transaction, sqlstate_of
from openplatform.core.statements import send, together
from openplatform.core.wakeups import OUTBOX, wake
from openplatform.idempotency.services.replay import RECORD_STEP, Answer, ReplayKey
from openplatform.messaging.types import TYPES
from orders.planning import OrderPlan

# 1. Which rows of stock are too short by now. If any is, nothing is written at all.
# 2. The order, unless its number or its quote was taken in the meantime; its parts, lines, event.
# 3. Stock; the messages and, under an Idempotency-Key, the answer.
# 4. The wallet, once all of these are written: counting their rows waits for them.
WRITE = f"""
    WITH {stock.SHORTAGE_STEPS},
    placed AS (
        INSERT INTO orders_order
            (order_no, partner_id, merchant_order_no, fingerprint, status, version, goods_amount,
             freight_amount, total_amount, refunded_amount, remark, purchase_order_no, metadata,
             quote_id, dropped, consignee_name, consignee_phone, consignee_region_id,
             consignee_region_name, region_confidence, consignee_address, expires_at, created_at,
             updated_at, close_reason)
        SELECT %(order_no)s, %(partner_id)s, %(merchant_order_no)s, %(fingerprint)s, %(status)s,
            1, %(goods_amount)s, %(freight_amount)s, %(total_amount)s, 0, %(remark)s,
            %(purchase_order_no)s, %(metadata)s::jsonb, %(quote_id)s, %(dropped)s::jsonb,
            %(consignee_name)s, %(consignee_phone)s, %(consignee_region_id)s,
            %(consignee_region_name)s, %(region_confidence)s, %(consignee_address)s,
            %(expires_at)s, %(created_at)s, %(created_at)s, ''
        WHERE NOT EXISTS (SELECT FROM short)
        ON CONFLICT DO NOTHING
        RETURNING id, order_no, partner_id, total_amount
    ), parts AS (
        INSERT INTO orders_suborder
            (order_id, order_no, warehouse_id, status, goods_amount, freight_amount, total_amount,
             refunded_amount, freight_details)
        SELECT placed.id, part.order_no, part.warehouse_id, part.status, part.goods_amount,
            part.freight_amount, part.total_amount, 0, part.freight_details
        FROM placed, json_to_recordset(%(parts)s::json) AS part (
            order_no text, warehouse_id bigint, status text, goods_amount numeric,
            freight_amount numeric, total_amount numeric, freight_details jsonb
        )
        RETURNING id, order_id, order_no
    ), lines AS (
        INSERT INTO orders_orderline
            (order_id, suborder_id, line_no, sku_id, sku_code, name, quantity, shipped_quantity,
             refunded_quantity, purchase_price, market_price, sale_price, tax_rate, weight_grams,
             amount, refunded_amount)
        SELECT parts.order_id, parts.id, line.line_no, line.sku_id, line.sku, line.name,
            line.quantity, 0, 0, line.purchase_price, line.market_price, line.sale_price,
            line.tax_rate, line.weight_grams, line.amount, 0
        FROM parts JOIN json_to_recordset(%(lines)s::json) AS line (
            suborder text, line_no int, sku_id bigint, sku text, name text, quantity int,
            purchase_price numeric, market_price numeric, sale_price numeric, tax_rate numeric,
            weight_grams int, amount numeric
        ) ON line.suborder = parts.order_no
        RETURNING id
    ), told AS (
        INSERT INTO orders_orderevent
            (order_id, subject_no, from_status, to_status, actor, reason, created_at)
        SELECT id, order_no, '', %(status)s, %(actor)s, '', %(created_at)s FROM placed
        RETURNING id
    ),
    {stock.RESERVATION_STEPS},
    published AS (
        INSERT INTO messaging_outbox (type, subject, partner_ids, data)
        SELECT message.type, 'order:' || placed.order_no, ARRAY[placed.partner_id],
            jsonb_build_object('order', %(body)s::json, 'changed', message.changed)
        FROM placed, ROWS FROM (
            json_to_recordset(%(messages)s::json) AS (type text, changed json)
        ) WITH ORDINALITY AS message (type, changed, position)
        ORDER BY message.position
        RETURNING id
    ),
    answer AS (SELECT 201 AS status, %(body)s::text AS body FROM placed),
    {{kept}},
    due AS MATERIALIZED (
        SELECT partner_id, order_no, total_amount AS amount FROM placed
        WHERE (SELECT count(*) FROM lines) + (SELECT count(*) FROM told)
            + (SELECT count(*) FROM noted) + (SELECT count(*) FROM published)
            + (SELECT count(*) FROM kept) > 0
    ),
    {wallet.HOLD_STEPS}
    SELECT EXISTS (SELECT FROM placed), ARRAY(SELECT id FROM short),
        (SELECT has_fallen FROM held){{or_nothing}}
"""  # noqa: S608 - put together from constants
NOT_KEPT = "kept AS (SELECT FROM answer)"
WRITE_ONCE = WRITE.format(kept=NOT_KEPT, or_nothing="")
WRITE_REPLAYABLY = WRITE.format(kept=RECORD_STEP, or_nothing="")
# An order that nothing could be held for, or whose hold calls for a warning, takes more than this
# statement: the division by zero takes all of it back.
WRITE_AT_ONCE = WRITE.format(
    kept=NOT_KEPT,
    or_nothing=""",
        CASE WHEN EXISTS (SELECT FROM placed)
            THEN 1 / (SELECT count(*) FROM held WHERE NOT has_fallen) END
    """,
)
DIVISION_BY_ZERO = "22012"


class NothingHeld(Exception):
    """By itself the statement could not hold the amount, or not without a warning."""


class Written(NamedTuple):
    """What became of a plan: whether there is an order, which rows of stock were too short for one,
    and whether the hold brought the balance low, None when nothing was held.
    """

    is_placed: bool
    short: Sequence[int]
    has_fallen: bool | None


def write_order(*, plan: OrderPlan, answer: Answer, replay: ReplayKey | None) -> Written:
    """Step: see the module."""
    require_transaction()
    parameters = _parameters(plan, answer)
    if replay is None:
        return _write(WRITE_ONCE, parameters)
    return _write(WRITE_REPLAYABLY, {**replay.parameters(), **parameters})


def write_order_at_once(*, plan: OrderPlan, answer: Answer) -> Written:
    """The whole order, committed, with its hold and no need to warn; or nothing at all.

    :raises NothingHeld: see there.
    """
    try:
        return _write(WRITE_AT_ONCE, _parameters(plan, answer))
    except DataError as error:
        if sqlstate_of(error) == DIVISION_BY_ZERO:
            raise NothingHeld from error
        raise


def _write(statement: str, parameters: dict[str, Any]) -> Written:
    with together():
        stock.send_lock(stock_ids=parameters["stock_ids"])
        sent = send(statement, parameters)
    row = sent.row()
    assert row is not None  # noqa: S101 - it always says
    is_placed, short, has_fallen, *_divided = row
    if is_placed:
        wake(OUTBOX)
    return Written(is_placed, short, has_fallen)


def _parameters(plan: OrderPlan, answer: Answer) -> dict[str, Any]:
    return {
        **plan.parameters(),
        "stock_ids": plan.goods.stock_ids,
        "quantities": plan.goods.quantities,
        "document_no": plan.order_no,
        "body": answer.body.decode(),
        "messages": to_json(
            [{"type": TYPES[type].name, "changed": changed} for type, changed in plan.messages()]
        ).decode(),
    }
