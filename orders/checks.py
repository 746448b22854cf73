"""Why an order cannot be placed: every fault of every line, stage by stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from catalog.errors import SkuNotAvailable, StockInsufficient
from catalog.selectors.availability import (
    LineFacts,
    delivery_refusal,
    delivery_refusals,
    quantity_refusals,
)
from openplatform.core import clock, money
from openplatform.core.errors import DomainError, FieldInvalid, refuse_if
from orders.destinations import Destination
from orders.errors import PriceChanged, QuoteExpired, QuoteMismatch, QuoteUsed
from orders.planning import promised_quantity
from orders.requests import OnShortage, OrderRequest, RequestedItem
from orders.selectors.quotes import KeptQuote

STAGES = (422, 409)  # what cannot be ordered at all, then what cannot be ordered now


def check_request(
    request: OrderRequest,
    facts: Mapping[str, LineFacts],
    destination: Destination,
    context: dict[str, Any],
) -> None:
    """Whether everything asked for can be ordered now, lines that are short left out where the
    request says so.

    ``context`` is the row of ``selectors.context``: here, the consignee's region.

    :raises Refusal: with every fault of the first stage that has one.
    """
    faults: list[DomainError] = []
    is_region_known = context["level"] is not None
    if (misplaced := destination.fault(context)) is not None:
        faults.append(misplaced)
    for index, item in enumerate(request.items):
        found = facts.get(item.sku)
        faults.extend(_line_faults(item, found, f"/items/{index}"))
        if found is not None and is_region_known:  # else every line would be told the same
            faults.extend(_first_delivery_fault(item, found, f"/items/{index}"))
    if faults and request.on_shortage == OnShortage.DROP_LINE:
        faults = _unless_dropped(faults, request, facts)
    refuse_if(first_stage(faults))


def check_quoted(
    request: OrderRequest,
    quote: KeptQuote | None,
    destination: Destination,
    context: dict[str, Any],
) -> KeptQuote:
    """The quote, when this very order can be placed on it. What it promised, prices, shelf and
    sight, is not looked at again.

    :raises Refusal: with every fault of the first stage that has one.
    """
    faults: list[DomainError] = []
    if (misplaced := destination.fault(context)) is not None:
        faults.append(misplaced)
    if quote is None:
        faults.append(FieldInvalid(pointer="/quote_id", reason="unknown_quote"))
    refuse_if(faults)
    assert quote is not None  # noqa: S101 - refused above
    refuse_if(_quote_faults(request, quote, context["region_code"]))
    return quote


def first_stage(faults: Sequence[DomainError]) -> Sequence[DomainError]:
    """Of some faults those that are told first."""
    if not faults:
        return faults
    stage = min(STAGES.index(fault.status) for fault in faults)
    return [fault for fault in faults if fault.status == STAGES[stage]]


def list_item_faults(
    request: OrderRequest, facts: Mapping[str, LineFacts], *, is_region_known: bool
) -> list[list[DomainError]]:
    """Every fault of each item, all stages at once."""
    found_faults = []
    for index, item in enumerate(request.items):
        pointer = f"/items/{index}"
        found = facts.get(item.sku)
        faults = _line_faults(item, found, pointer)
        if found is not None and is_region_known:
            faults += _of_sku(item, delivery_refusals(found, item.quantity, pointer=pointer))
        found_faults.append(faults)
    return found_faults


def _unless_dropped(
    faults: Sequence[DomainError], request: OrderRequest, facts: Mapping[str, LineFacts]
) -> list[DomainError]:
    others = [fault for fault in faults if not isinstance(fault, StockInsufficient)]
    if others:
        return others
    is_any_left = any(promised_quantity(facts[item.sku], item.quantity) for item in request.items)
    return [] if is_any_left else list(faults)


def _quote_faults(request: OrderRequest, quote: KeptQuote, region: str) -> list[DomainError]:
    faults: list[DomainError] = []
    if quote.order_no is not None:
        faults.append(
            QuoteUsed(
                pointer="/quote_id",
                order_no=quote.order_no,
                merchant_order_no=quote.merchant_order_no,
            )
        )
    if quote.is_expired:
        expired_at = clock.to_text(quote.expires_at)
        faults.append(QuoteExpired(pointer="/quote_id", expired_at=expired_at))
    if quote.fingerprint != request.goods_fingerprint(region):
        differs = _differences(request, quote, region)
        faults.append(QuoteMismatch(pointer="/quote_id", differs=differs))
    prices = {line["sku"]: Decimal(line["purchase_price"]) for line in quote.goods.lines}
    for index, item in enumerate(request.items):
        price = prices.get(item.sku)
        if price is not None and item.expected_price not in (None, price):
            faults.append(_price_changed(item, price, f"/items/{index}"))
    return faults


def _differences(request: OrderRequest, quote: KeptQuote, region: str) -> list[str]:
    quoted: Counter[str] = Counter()
    for line in quote.goods.lines:
        quoted[line["sku"]] += line["quantity"]
    differences = []
    if quoted != dict(request.sorted_items()):
        differences.append("items")
    if quote.region != region:
        differences.append("region")
    return differences


def _line_faults(item: RequestedItem, facts: LineFacts | None, pointer: str) -> list[DomainError]:
    if facts is None:
        return [SkuNotAvailable(pointer=f"{pointer}/sku", sku=item.sku)]
    faults = quantity_refusals(facts, item.quantity, pointer=f"{pointer}/quantity")
    if item.expected_price is not None and item.expected_price != facts.purchase_price:
        faults.append(_price_changed(item, facts.purchase_price, pointer))
    return faults


def _price_changed(item: RequestedItem, price: Decimal, pointer: str) -> PriceChanged:
    return PriceChanged(
        pointer=f"{pointer}/expected_price", sku=item.sku, current_price=money.to_text(price)
    )


def _first_delivery_fault(item: RequestedItem, facts: LineFacts, pointer: str) -> list[DomainError]:
    refusal = delivery_refusal(facts, item.quantity, pointer=pointer)
    return [] if refusal is None else _of_sku(item, [refusal])


def _of_sku(item: RequestedItem, refusals: list[DomainError]) -> list[DomainError]:
    for refusal in refusals:
        refusal.facts["sku"] = item.sku
    return refusals
