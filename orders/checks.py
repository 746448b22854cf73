"""Why an order cannot be placed: every fault of every line, stage by stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.errors import SkuNotAvailable
from catalog.selectors.availability import LineFacts, delivery_refusal, quantity_refusals
from openplatform.core import money
from openplatform.core.errors import DomainError, FieldInvalid, refuse_if
from openplatform.regions.errors import RegionUnknown
from openplatform.regions.models import Region
from orders.errors import PriceChanged
from orders.requests import OrderRequest, RequestedItem

STAGES = (422, 409)  # what cannot be ordered at all, then what cannot be ordered now


def check_request(
    request: OrderRequest, facts: Mapping[str, LineFacts], context: dict[str, Any]
) -> None:
    """Whether everything asked for can be ordered now.

    ``context`` is the row of ``placement.CONTEXT``: here, the consignee's region.

    :raises Refusal: with every fault of the first stage that has one.
    """
    faults: list[DomainError] = []
    is_region_known = context["level"] is not None
    if not is_region_known:
        faults.append(RegionUnknown(pointer="/consignee/region"))
    elif context["level"] < Region.Level.DISTRICT and context["has_children"]:
        faults.append(FieldInvalid(pointer="/consignee/region", reason="name_a_district"))
    for index, item in enumerate(request.items):
        found = facts.get(item.sku)
        faults.extend(_line_faults(item, found, f"/items/{index}"))
        if found is not None and is_region_known:  # else every line would be told the same
            faults.extend(_delivery_faults(item, found, f"/items/{index}"))
    if faults:
        stage = min(STAGES.index(fault.status) for fault in faults)
        refuse_if([fault for fault in faults if fault.status == STAGES[stage]])


def _line_faults(item: RequestedItem, facts: LineFacts | None, pointer: str) -> list[DomainError]:
    if facts is None:
        return [SkuNotAvailable(pointer=f"{pointer}/sku", sku=item.sku)]
    faults = quantity_refusals(facts, item.quantity, pointer=f"{pointer}/quantity")
    if item.expected_price is not None and item.expected_price != facts.purchase_price:
        faults.append(
            PriceChanged(
                pointer=f"{pointer}/expected_price",
                sku=item.sku,
                current_price=money.to_text(facts.purchase_price),
            )
        )
    return faults


def _delivery_faults(item: RequestedItem, facts: LineFacts, pointer: str) -> list[DomainError]:
    refusal = delivery_refusal(facts, item.quantity, pointer=pointer)
    if refusal is None:
        return []
    refusal.facts["sku"] = item.sku
    return [refusal]
