"""Quotes: every check of an order, and what it would cost, without stock or money being touched.

A quote that can be ordered is kept: an order placed on it gets its prices, freight and split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models.functions import Now

from accounts.errors import AccountOverdue, PartnerSuspended
from accounts.models import Partner
from accounts.services import wallet
from catalog.selectors.availability import LineFacts, read_line_facts, send_line_facts
from catalog.selectors.why_not import explain
from openplatform.core import money
from openplatform.core.errors import CODES, DomainError
from openplatform.core.identifiers import dated_no
from openplatform.core.json_text import to_json
from openplatform.core.locking import transactional
from openplatform.core.pruning import delete_in_batches
from openplatform.core.statements import send, together
from openplatform.idempotency.services.replay import Answer, ReplayKey, claim, record
from orders.checks import list_item_faults
from orders.destinations import Destination, find_destination
from orders.documents import quote_document
from orders.errors import MerchantOrderNoConflict, PriceChanged
from orders.freight import read_tariffs, send_tariffs
from orders.models import Quote
from orders.planning import GoodsPlan, plan_goods
from orders.requests import OrderRequest
from orders.selectors.context import send_context

KEPT_AFTER_EXPIRY = timedelta(hours=1)
# In which order an order would come to these statuses; those it never has come last.
STAGES = {403: 0, 422: 1, 409: 2, 402: 3, 429: 4}

KEEP = """
    INSERT INTO orders_quote (quote_id, partner_id, fingerprint, total_amount, plan, expires_at)
    VALUES
        (%(quote_id)s, %(partner_id)s, %(fingerprint)s, %(total_amount)s, %(plan)s::jsonb,
         clock_timestamp() + make_interval(mins => %(minutes)s))
    RETURNING expires_at
"""


def quote_order(
    *, partner_id: int, request: OrderRequest, now: datetime, replay: ReplayKey | None = None
) -> Answer:
    """What the order would cost and every reason why it could not be placed now (200).

    A quote is exact: what is short is a reason, whatever the request says about shortages. Texts
    are in the active language.
    """
    return _quote(
        partner_id=partner_id,
        request=request,
        destination=find_destination(request.consignee),
        now=now,
        replay=replay,
    )


@transactional
def _quote(
    *,
    partner_id: int,
    request: OrderRequest,
    destination: Destination,
    now: datetime,
    replay: ReplayKey | None,
) -> Answer:
    """
    1. Claim the Idempotency-Key; an answer kept under it ends here.
    2. Read all that an order depends on, locking nothing.
    3. Collect every fault; plan, when each line could be delivered.
    4. Keep the plan, when there is no fault; then the answer.
    """
    if (kept := claim(replay)) is not None:
        return kept
    codes = [item.sku for item in request.items]
    with together():
        context_sent = send_context(
            partner_id=partner_id,
            region=destination.region,
            merchant_order_no=request.merchant_order_no,
        )
        facts_sent = send_line_facts(partner_id=partner_id, codes=codes, region=destination.region)
        tariffs_sent = send_tariffs(region=destination.region, codes=codes)
        room_sent = wallet.send_room(partner_id=partner_id)
    context = context_sent.named_rows()[0]
    facts = read_line_facts(facts_sent)
    room = wallet.read_room(room_sent)
    faults = _order_faults(destination, context)
    item_faults = list_item_faults(request, facts, is_region_known=context["level"] is not None)
    goods = None
    if destination.fault(context) is None and _can_all_be_planned(item_faults):
        goods = plan_goods(request, facts, read_tariffs(tariffs_sent), order_no="")
        faults += room.refusals_of(goods.amounts()["total_amount"])
    errors = _explained(request, facts, faults, item_faults)
    quote_id, expires_at = None, None
    if goods is not None and not errors:
        quote_id = dated_no("Q", now)
        expires_at = _keep(quote_id, partner_id, request, context["region_code"], goods)
    document = quote_document(
        quote_id=quote_id,
        expires_at=expires_at,
        region=context["region_code"],
        region_confidence=destination.confidence,
        errors=errors,
        items=[
            {
                "sku": item.sku,
                "quantity": item.quantity,
                "orderable": not found,
                **_prices(facts.get(item.sku), item.quantity),
            }
            for item, found in zip(request.items, item_faults, strict=True)
        ],
        parts=[] if goods is None else goods.parts,
        lines=[] if goods is None else goods.lines,
        amounts=None if goods is None else goods.amounts(),
        available=room.available,
    )
    answer = Answer(200, to_json(document))
    record(replay, answer)
    return answer


def prune_quotes() -> int:
    """Loop: forget quotes an hour after they expired; how many went. Orders keep what they were
    given."""
    return delete_in_batches(
        Quote.objects.filter(expires_at__lt=Now() - KEPT_AFTER_EXPIRY).order_by("expires_at")
    )


def _order_faults(destination: Destination, context: Mapping[str, Any]) -> list[DomainError]:
    faults: list[DomainError] = []
    if context["status"] != Partner.Status.ACTIVE:
        faults.append(PartnerSuspended())
    if (misplaced := destination.fault(context)) is not None:
        faults.append(misplaced)
    if context["known_order_no"] is not None:
        faults.append(
            MerchantOrderNoConflict(
                pointer="/merchant_order_no", order_no=context["known_order_no"]
            )
        )
    if context["is_overdue"]:
        faults.append(AccountOverdue())
    return faults


def _can_all_be_planned(item_faults: Sequence[Sequence[DomainError]]) -> bool:
    """Whether nothing stands against any line but that its price is not the expected one."""
    return all(isinstance(fault, PriceChanged) for faults in item_faults for fault in faults)


def _explained(
    request: OrderRequest,
    facts: Mapping[str, LineFacts],
    faults: Sequence[DomainError],
    item_faults: Sequence[Sequence[DomainError]],
) -> list[dict[str, Any]]:
    """All faults as a refusal tells them, with what would fix them, the stages in their order."""
    refused: list[tuple[LineFacts | None, int, Sequence[DomainError]]] = [(None, 0, faults)]
    refused += [
        (facts.get(item.sku), item.quantity, found)
        for item, found in zip(request.items, item_faults, strict=True)
        if found
    ]
    errors = [error for explained in explain(refused) for error in explained]
    return sorted(errors, key=lambda error: STAGES[CODES[error["code"]].status])


def _prices(facts: LineFacts | None, quantity: int) -> dict[str, Any]:
    if facts is None:
        names = ("name", "purchase_price", "market_price", "sale_price", "tax_rate", "amount")
        return dict.fromkeys(names)
    return {
        "name": facts.name,
        "purchase_price": facts.purchase_price,
        "market_price": facts.market_price,
        "sale_price": facts.sale_price,
        "tax_rate": money.rate_to_text(facts.tax_rate),
        "amount": facts.purchase_price * quantity,
    }


def _keep(
    quote_id: str, partner_id: int, request: OrderRequest, region: str, goods: GoodsPlan
) -> datetime:
    total: Decimal = goods.amounts()["total_amount"]
    plan = {
        "region": region,
        "parts": goods.parts,
        "lines": goods.lines,
        "stock_ids": goods.stock_ids,
        "quantities": goods.quantities,
        "dropped": goods.dropped,
    }
    row = send(
        KEEP,
        {
            "quote_id": quote_id,
            "partner_id": partner_id,
            "fingerprint": request.goods_fingerprint(region),
            "total_amount": total,
            "plan": to_json(plan).decode(),
            "minutes": settings.QUOTE_MINUTES,
        },
    ).row()
    assert row is not None  # noqa: S101 - an insert answers its row
    expires_at: datetime = row[0]
    return expires_at
