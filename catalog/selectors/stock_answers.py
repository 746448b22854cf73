"""Whether quantities can be delivered to a region: yes or no and why, never how many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from catalog.errors import SkuNotAvailable
from catalog.selectors.availability import (
    DeliveryFacts,
    LineFacts,
    delivery_refusal,
    read_delivery_facts,
    read_line_facts,
    send_delivery_facts,
    send_line_facts,
)
from openplatform.core.errors import NotFound
from openplatform.core.statements import Sent, send, together
from openplatform.regions.errors import RegionUnknown

# The place itself or, for a retired code, its successor.
REGION = """
    SELECT region.code FROM regions_region given
    JOIN regions_region region ON region.code = coalesce(given.successor_id, given.code)
    WHERE given.code = %s AND NOT region.is_retired
"""


@dataclass(frozen=True, slots=True)
class StockQuestion:
    """So many units of a SKU."""

    sku: str
    quantity: int


def get_stock_answers(
    *,
    partner_id: int,
    questions: Sequence[StockQuestion],
    region: str | None,
    region_pointer: str,
) -> list[dict[str, Any]]:
    """``POST /catalog/stock-checks``: an entry a question, each answered for itself.

    :param region: of any level; served in part is served. None asks about anywhere. A retired
        code is answered with its successor.
    :raises RegionUnknown: with ``region_pointer``.
    """
    codes = [question.sku for question in questions]
    facts, region = _get_delivery_facts(partner_id, codes, region, region_pointer)
    return [
        _answer(facts[question.sku], question.quantity, region)
        if question.sku in facts
        else {"sku": question.sku, "error": SkuNotAvailable.code}
        for question in questions
    ]


def get_stock_answer(
    *, partner_id: int, question: StockQuestion, region: str | None, region_pointer: str
) -> dict[str, Any]:
    """``GET /catalog/skus/{sku}/stock``.

    :raises RegionUnknown: with ``region_pointer``.
    :raises NotFound: when the partner does not see the SKU.
    """
    facts, region = _get_delivery_facts(partner_id, [question.sku], region, region_pointer)
    if question.sku not in facts:
        raise NotFound
    return _answer(facts[question.sku], question.quantity, region)


def get_facts(
    partner_id: int, codes: Sequence[str], region: str | None, region_pointer: str
) -> tuple[Mapping[str, LineFacts], str | None]:
    """By code, for each SKU that the partner sees; and the region that the answer is about.

    :raises RegionUnknown: with ``region_pointer``.
    """
    sent, region = _send_with_region(send_line_facts, partner_id, codes, region, region_pointer)
    return read_line_facts(sent), region


def _get_delivery_facts(
    partner_id: int, codes: Sequence[str], region: str | None, region_pointer: str
) -> tuple[Mapping[str, DeliveryFacts], str | None]:
    sent, region = _send_with_region(send_delivery_facts, partner_id, codes, region, region_pointer)
    return read_delivery_facts(sent), region


class _SendFacts(Protocol):
    def __call__(self, *, partner_id: int, codes: Sequence[str], region: str | None) -> Sent: ...


def _send_with_region(
    send_facts: _SendFacts,
    partner_id: int,
    codes: Sequence[str],
    region: str | None,
    region_pointer: str,
) -> tuple[Sent, str | None]:
    if region is None:
        return send_facts(partner_id=partner_id, codes=codes, region=None), None
    with together():
        facts_sent = send_facts(partner_id=partner_id, codes=codes, region=region)
        region_sent = send(REGION, [region])
    found = region_sent.row()
    if found is None:
        raise RegionUnknown(pointer=region_pointer)
    return facts_sent, found[0]


def _answer(facts: DeliveryFacts, quantity: int, region: str | None) -> dict[str, Any]:
    refusal = delivery_refusal(facts, quantity, pointer="")
    return {
        "sku": facts.code,
        "quantity": quantity,
        "region": region,
        "in_stock": refusal is None,
        "reason": None if refusal is None else refusal.code,
    }
