"""Placing an order: lock stock, hold the amount, freeze the prices.

Three round trips on the way that succeeds: read what the order depends on; write order, stock,
message and hold, the hottest lock last; commit. What was read is not locked: the stock and the
wallet are guarded by the statements that take from them, and a price or shelf state that moves
in the same instant counts as moved after the order.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from accounts.errors import PartnerSuspended
from accounts.models import Partner
from accounts.services import wallet
from catalog.selectors.availability import read_line_facts, send_line_facts
from catalog.services import stock
from openplatform.core import money
from openplatform.core.errors import TemporarilyUnavailable
from openplatform.core.json_text import to_json
from openplatform.core.locking import ATTEMPTS, transactional
from openplatform.core.statements import Sent, send, together
from openplatform.idempotency.services.replay import Answer, ReplayKey, claim, record
from openplatform.messaging.services.publishing import publish_all
from orders.checks import check_request
from orders.errors import MerchantOrderNoConflict
from orders.freight import read_tariffs, send_tariffs
from orders.messages import order_draft
from orders.planning import OrderPlan, plan_order
from orders.requests import OrderRequest
from orders.selectors.trees import read_trees, send_trees

# A retired region is that which follows it; only a retired one has a successor.
CONTEXT = """
    SELECT partner.status, partner.code,
        clock_timestamp() + make_interval(mins => partner.order_expiry_minutes) AS expires_at,
        region.code AS region_code, region.level, region.has_children, region.path_name,
        known.order_no AS known_order_no, known.fingerprint AS known_fingerprint
    FROM accounts_partner partner
    LEFT JOIN regions_region given ON given.code = %(region)s
    LEFT JOIN regions_region region
        ON region.code = coalesce(given.successor_id, given.code) AND NOT region.is_retired
    LEFT JOIN orders_order known
        ON known.partner_id = partner.id AND known.merchant_order_no = %(merchant_order_no)s
    WHERE partner.id = %(partner_id)s
"""
# A row comes back unless the merchant's number was taken in the meantime.
INSERT = """
    WITH placed AS (
        INSERT INTO orders_order
            (order_no, partner_id, merchant_order_no, fingerprint, status, version, goods_amount,
             freight_amount, total_amount, refunded_amount, remark, purchase_order_no, metadata,
             consignee_name, consignee_phone, consignee_region_id, consignee_region_name,
             consignee_address, expires_at, created_at, updated_at, close_reason)
        VALUES
            (%(order_no)s, %(partner_id)s, %(merchant_order_no)s, %(fingerprint)s, %(status)s,
             1, %(goods_amount)s, %(freight_amount)s, %(total_amount)s, 0, %(remark)s,
             %(purchase_order_no)s, %(metadata)s::jsonb, %(consignee_name)s, %(consignee_phone)s,
             %(consignee_region_id)s, %(consignee_region_name)s, %(consignee_address)s,
             %(expires_at)s, %(created_at)s, %(created_at)s, '')
        ON CONFLICT (partner_id, merchant_order_no) DO NOTHING
        RETURNING id
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
    ), told AS (
        INSERT INTO orders_orderevent
            (order_id, subject_no, from_status, to_status, actor, reason, created_at)
        SELECT id, %(order_no)s, '', %(status)s, %(actor)s, '', %(created_at)s FROM placed
    )
    SELECT id FROM placed
"""
LOCK_STOCK = """
    SELECT stock.id FROM catalog_stock stock JOIN catalog_sku sku ON sku.id = stock.sku_id
    WHERE sku.code = ANY(%s::text[])
    ORDER BY stock.id FOR NO KEY UPDATE OF stock
"""


class _PlacedMeanwhile(Exception):
    """Another request with the same number committed after we had looked."""


class _StockTaken(Exception):
    """Stock that the plan counted on went to another order."""


def place_order(
    *, partner_id: int, request: OrderRequest, now: datetime, replay: ReplayKey | None = None
) -> Answer:
    """The order as placed (201), or as it is now when it was placed before (200, a replay).

    :raises MerchantOrderNoConflict: when the number stands for another order.
    :raises PartnerSuspended: when the partner may not place orders.
    :raises Refusal: with all faults of the first stage that fails: 422 for what cannot be ordered,
        409 for shelf, price and stock.
    :raises BalanceInsufficient, SpendingCapExceeded, TooManyOpenOrders: when nothing can be held.
    :raises TemporarilyUnavailable: when others keep getting in between.
    """
    locks_first = False
    for _attempt in range(ATTEMPTS):
        try:
            return _place(
                partner_id=partner_id,
                request=request,
                now=now,
                replay=replay,
                locks_first=locks_first,
            )
        except _PlacedMeanwhile:
            continue  # the next look finds it
        except _StockTaken:
            locks_first = True  # plan on rows that nobody else can move: that answer is final
    raise TemporarilyUnavailable


@transactional
def _place(
    *,
    partner_id: int,
    request: OrderRequest,
    now: datetime,
    replay: ReplayKey | None,
    locks_first: bool = False,
) -> Answer:
    """
    1. Claim the Idempotency-Key; an answer kept under it ends here.
    2. Read facts and context. An order known by this number ends here.
    3. Check in stages; plan the split; freeze prices and freight.
    4. Write order, stock, messages, answer and, last, the hold on the wallet.
    """
    if (kept := claim(replay)) is not None:
        return kept
    codes = [item.sku for item in request.items]
    if locks_first:
        send(LOCK_STOCK, [codes]).rows()
    with together():
        facts_sent = send_line_facts(
            partner_id=partner_id, codes=codes, region=request.consignee.region
        )
        context_sent = send(
            CONTEXT,
            {
                "partner_id": partner_id,
                "region": request.consignee.region,
                "merchant_order_no": request.merchant_order_no,
            },
        )
        tariffs_sent = send_tariffs(region=request.consignee.region, codes=codes)
    facts = read_line_facts(facts_sent)
    context = context_sent.named_rows()[0]
    if context["known_order_no"] is not None:
        return _replayed(request, context, replay)
    if context["status"] != Partner.Status.ACTIVE:
        raise PartnerSuspended
    check_request(request, facts, context)
    tariffs = read_tariffs(tariffs_sent)
    plan = plan_order(request, facts, context, tariffs, partner_id=partner_id, now=now)
    if plan.order["total_amount"] >= money.LIMIT:  # more than any balance can hold
        raise wallet.refusal_of_hold(partner_id=partner_id, amount=plan.order["total_amount"])
    answer = Answer(201, to_json(plan.document))
    with together():
        inserted = send(INSERT, plan.parameters())
        reserved = stock.send_reservation(
            stock_ids=plan.stock_ids, quantities=plan.quantities, document_no=plan.order_no
        )
        publish_all(
            [
                order_draft(
                    type=type,
                    partner_id=partner_id,
                    document=plan.document,
                    changed=changed,
                )
                for type, changed in plan.messages()
            ]
        )
        record(replay, answer)
        held = wallet.send_hold(
            partner_id=partner_id, order_no=plan.order_no, amount=plan.order["total_amount"]
        )
    _require_written(plan, inserted, reserved, held)
    return answer


def _require_written(plan: OrderPlan, inserted: Sent, reserved: Sent, held: Sent) -> None:
    if inserted.row() is None:
        raise _PlacedMeanwhile
    if len(reserved.rows()) < len(set(plan.stock_ids)):
        raise _StockTaken
    wallet.require_held(
        held, partner_id=plan.order["partner_id"], amount=plan.order["total_amount"]
    )


def _replayed(request: OrderRequest, context: dict[str, Any], replay: ReplayKey | None) -> Answer:
    order_no = context["known_order_no"]
    if bytes(context["known_fingerprint"]) != request.fingerprint():
        raise MerchantOrderNoConflict(pointer="/merchant_order_no", order_no=order_no)
    [tree] = read_trees(send_trees([order_no]))
    answer = Answer(200, to_json(tree.document()), is_replay=True)
    record(replay, answer)
    return answer
