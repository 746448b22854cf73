"""A planned order written by one statement: its rows, stock, messages, answer and, last, the hold.

Its steps are those of the packages that own the rows; a step that reads another is run after it,
and that makes the order of locks. Nothing is judged here: what comes back says what was written,
and a caller that misses something rolls it all back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from accounts.services import wallet
from catalog.services import stock
from openplatform.core.json_text import to_json
from openplatform.core.locking import require_transaction
from openplatform.core.statements import send
from openplatform.idempotency.services.replay import RECORD_STEP, Answer, ReplayKey
from openplatform.messaging.types import TYPES
from orders.planning import OrderPlan

# 1. The order, unless its number or its quote was taken in the meantime; its parts, lines, event.
# 2. Rows of stock in order of id.
# 3. The messages and, under an Idempotency-Key, the answer.
# 4. The wallet, once all of these are written (counting their rows waits for them), and only if
#    every row of stock was long enough: an order that will be rolled back makes nobody wait.
WRITE = f"""
    WITH placed AS (
        INSERT INTO orders_order
            (order_no, partner_id, merchant_order_no, fingerprint, status, version, goods_amount,
             freight_amount, total_amount, refunded_amount, remark, purchase_order_no, metadata,
             quote_id, dropped, consignee_name, consignee_phone, consignee_region_id,
             consignee_region_name, region_confidence, consignee_address, expires_at, created_at,
             updated_at, close_reason)
        VALUES
            (%(order_no)s, %(partner_id)s, %(merchant_order_no)s, %(fingerprint)s, %(status)s,
             1, %(goods_amount)s, %(freight_amount)s, %(total_amount)s, 0, %(remark)s,
             %(purchase_order_no)s, %(metadata)s::jsonb, %(quote_id)s, %(dropped)s::jsonb,
             %(consignee_name)s, %(consignee_phone)s, %(consignee_region_id)s,
             %(consignee_region_name)s, %(region_confidence)s, %(consignee_address)s,
             %(expires_at)s, %(created_at)s, %(created_at)s, '')
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
    ), wanted AS (
        SELECT part.stock_id, sum(part.quantity)::int AS quantity
        FROM placed,
            unnest(%(stock_ids)s::bigint[], %(quantities)s::int[]) AS part (stock_id, quantity)
        WHERE (SELECT count(*) FROM lines) + (SELECT count(*) FROM told) > 0
        GROUP BY part.stock_id
    ),
    {stock.RESERVATION_STEPS},
    published AS (
        INSERT INTO messaging_outbox (type, subject, partner_ids, data)
        SELECT message.type, 'order:' || placed.order_no, ARRAY[placed.partner_id],
            jsonb_build_object('order', %(body)s::json, 'changed', message.changed)
        FROM placed, ROWS FROM (
            json_to_recordset(%(messages)s::json) AS (type text, changed json)
        ) WITH ORDINALITY AS message (type, changed, position)
        WHERE (SELECT count(*) FROM noted) = (SELECT count(*) FROM wanted)
        ORDER BY message.position
        RETURNING id
    ),
    answer AS (SELECT 201 AS status, %(body)s::text AS body FROM placed),
    {{kept}},
    due AS MATERIALIZED (
        SELECT partner_id, order_no, total_amount AS amount FROM placed
        WHERE (SELECT count(*) FROM published) > 0 AND (SELECT count(*) FROM kept) > 0
    ),
    {wallet.HOLD_STEPS}
    SELECT EXISTS (SELECT FROM placed), ARRAY(SELECT stock_id FROM noted),
        (SELECT has_fallen FROM held)
"""  # noqa: S608 - put together from constants
WRITE_ONCE = WRITE.format(kept="kept AS (SELECT FROM answer)")
WRITE_REPLAYABLY = WRITE.format(kept=RECORD_STEP)


class Written(NamedTuple):
    """What became of a plan: whether there is an order, from which rows of stock its units were
    reserved, and whether the hold brought the balance low, None when nothing was held.
    """

    is_placed: bool
    reserved: Sequence[int]
    has_fallen: bool | None


def write_order(*, plan: OrderPlan, answer: Answer, replay: ReplayKey | None) -> Written:
    """Step: see the module."""
    require_transaction()
    parameters: dict[str, Any] = {
        **plan.parameters(),
        "stock_ids": plan.goods.stock_ids,
        "quantities": plan.goods.quantities,
        "document_no": plan.order_no,
        "body": answer.body.decode(),
        "messages": to_json(
            [{"type": TYPES[type].name, "changed": changed} for type, changed in plan.messages()]
        ).decode(),
    }
    if replay is None:
        row = send(WRITE_ONCE, parameters).row()
    else:
        row = send(WRITE_REPLAYABLY, {**replay.parameters(), **parameters}).row()
    assert row is not None  # noqa: S101 - it always says
    return Written(*row)
