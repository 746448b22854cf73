"""Placing an order: lock stock, hold the amount, freeze the prices.

Two round trips on the way that succeeds: read what the order depends on; lock its stock and write
it, by one statement that is a transaction of its own (``order_writing.py``). Under an
Idempotency-Key, near the end of the money, and when stock was taken in between, all of it runs in a
transaction. What was read is not locked: the stock and the wallet are guarded by the statements
that take from them, and a price or shelf state that moves in the same instant counts as moved after
the order.

An order on a quote reads the quote instead: prices, freight and split are what was promised, and
its stock comes from the very warehouses that were planned, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from accounts.errors import AccountOverdue, PartnerSuspended
from accounts.models import Partner
from accounts.services import wallet
from catalog.errors import StockInsufficient
from catalog.selectors.availability import read_line_facts, send_line_facts
from openplatform.core import money
from openplatform.core.errors import Refusal, TemporarilyUnavailable
from openplatform.core.identifiers import dated_no
from openplatform.core.json_text import to_json
from openplatform.core.locking import ATTEMPTS, single_statement, transactional
from openplatform.core.statements import send, together
from openplatform.idempotency.services.replay import Answer, ReplayKey, claim, record
from orders.checks import check_quoted, check_request
from orders.destinations import Destination, find_destination
from orders.errors import MerchantOrderNoConflict
from orders.freight import read_tariffs, send_tariffs
from orders.planning import GoodsPlan, OrderPlan, plan_goods, plan_order
from orders.requests import OrderRequest
from orders.selectors.context import send_context
from orders.selectors.quotes import read_quote, send_quote
from orders.selectors.trees import read_trees, send_trees
from orders.services.order_writing import (
    NothingHeld,
    Written,
    write_order,
    write_order_at_once,
)

LOCK_STOCK = """
    SELECT stock.id FROM catalog_stock stock JOIN catalog_sku sku ON sku.id = stock.sku_id
    WHERE sku.code = ANY(%s::text[])
    ORDER BY stock.id FOR NO KEY UPDATE OF stock
"""


class _PlacedMeanwhile(Exception):
    """Another request with the same number, or on the same quote, committed after we had looked."""


class _StockTaken(Exception):
    """Stock that the plan counted on went to another order."""


def place_order(
    *, partner_id: int, request: OrderRequest, now: datetime, replay: ReplayKey | None = None
) -> Answer:
    """The order as placed (201), or as it is now when it was placed before (200, a replay).

    :raises MerchantOrderNoConflict: when the number stands for another order.
    :raises PartnerSuspended: when the partner may not place orders.
    :raises Refusal: with all faults of the first stage that fails: 422 for what cannot be ordered,
        409 for shelf, price, stock and what is wrong with the quote.
    :raises AccountOverdue: when a bill of the partner is overdue and that stops its orders.
    :raises BalanceInsufficient, SpendingCapExceeded, TooManyOpenOrders: when nothing can be held.
    :raises TemporarilyUnavailable: when others keep getting in between.
    """
    destination = find_destination(request.consignee)
    at_once, locks_first = replay is None, False
    for _attempt in range(ATTEMPTS):
        try:
            return (_place_at_once if at_once else _place_in_transaction)(
                partner_id=partner_id,
                request=request,
                destination=destination,
                now=now,
                replay=replay,
                at_once=at_once,
                locks_first=locks_first,
            )
        except _PlacedMeanwhile:
            continue  # the next look finds it
        except NothingHeld:
            at_once = False  # a transaction can warn, and say what is missing
        except _StockTaken:
            # Plan on rows that nobody else can move: that answer is final.
            at_once, locks_first = False, True
    raise TemporarilyUnavailable


def _place(
    *,
    partner_id: int,
    request: OrderRequest,
    destination: Destination,
    now: datetime,
    replay: ReplayKey | None,
    at_once: bool,
    locks_first: bool,
) -> Answer:
    """
    1. Claim the Idempotency-Key; an answer kept under it ends here.
    2. Read facts and context. An order known by this number ends here.
    3. Check in stages; plan the split; freeze prices and freight. Or take all that from the quote.
    4. Write order, stock, messages, answer and, last, the hold on the wallet.
    """
    if replay is not None and (kept := claim(replay)) is not None:
        return kept
    if locks_first:
        send(LOCK_STOCK, [[item.sku for item in request.items]]).rows()
    with together():
        read_goods = _ask_for_goods(partner_id, request, destination)
        # Behind the quote: whoever sees it used by this very order sees the order, too.
        context_sent = send_context(
            partner_id=partner_id,
            region=destination.region,
            merchant_order_no=request.merchant_order_no,
        )
    context = context_sent.named_rows()[0]
    if context["known_order_no"] is not None:
        return _replayed(request, context, replay)
    if context["status"] != Partner.Status.ACTIVE:
        raise PartnerSuspended
    order_no = dated_no("", now)
    plan = plan_order(
        request,
        read_goods(context, order_no),
        destination,
        context,
        order_no=order_no,
        partner_id=partner_id,
        now=now,
    )
    if context["is_overdue"]:
        raise AccountOverdue
    if plan.order["total_amount"] >= money.LIMIT:  # more than any balance can hold
        raise wallet.refusal_of_hold(partner_id=partner_id, amount=plan.order["total_amount"])
    answer = Answer(201, to_json(plan.document))
    if at_once:
        if plan.order["total_amount"] > context["spare_amount"]:
            raise NothingHeld
        written = write_order_at_once(plan=plan, answer=answer)
    else:
        written = write_order(plan=plan, answer=answer, replay=replay)
    _require_written(request, plan, written, is_final=locks_first)
    return answer


_place_at_once = single_statement(_place)
_place_in_transaction = transactional(_place)


def _ask_for_goods(
    partner_id: int, request: OrderRequest, destination: Destination
) -> Callable[[dict[str, Any], str], GoodsPlan]:
    """What takes the context and the order's number, checks the request and answers its goods."""
    if request.quote_id:
        quote_sent = send_quote(partner_id=partner_id, quote_id=request.quote_id)

        def read_quoted(context: dict[str, Any], order_no: str) -> GoodsPlan:
            quote = check_quoted(request, read_quote(quote_sent), destination, context)
            return quote.goods.under(order_no)

        return read_quoted

    codes = [item.sku for item in request.items]
    facts_sent = send_line_facts(partner_id=partner_id, codes=codes, region=destination.region)
    tariffs_sent = send_tariffs(region=destination.region, codes=codes)

    def read_planned(context: dict[str, Any], order_no: str) -> GoodsPlan:
        facts = read_line_facts(facts_sent)
        check_request(request, facts, destination, context)
        return plan_goods(request, facts, read_tariffs(tariffs_sent), order_no=order_no)

    return read_planned


def _require_written(
    request: OrderRequest, plan: OrderPlan, written: Written, *, is_final: bool
) -> None:
    if written.short:
        # Of a quote: these warehouses or none. Any other order was planned on what is locked.
        raise _shortage(request, plan.goods, written.short) if is_final else _StockTaken
    if not written.is_placed:
        raise _PlacedMeanwhile
    wallet.settle_hold(
        written.has_fallen,
        partner_id=plan.order["partner_id"],
        amount=plan.order["total_amount"],
    )


def _shortage(request: OrderRequest, goods: GoodsPlan, short: Collection[int]) -> Refusal:
    skus = {
        line["sku"]
        for line, stock_id in zip(goods.lines, goods.stock_ids, strict=True)
        if stock_id in short
    }
    return Refusal(
        [
            StockInsufficient(pointer=f"/items/{index}", sku=item.sku)
            for index, item in enumerate(request.items)
            if item.sku in skus
        ]
    )


def _replayed(request: OrderRequest, context: dict[str, Any], replay: ReplayKey | None) -> Answer:
    order_no = context["known_order_no"]
    if bytes(context["known_fingerprint"]) != request.fingerprint():
        raise MerchantOrderNoConflict(pointer="/merchant_order_no", order_no=order_no)
    [tree] = read_trees(send_trees([order_no]))
    answer = Answer(200, to_json(tree.document()), is_replay=True)
    record(replay, answer)
    return answer
