"""Claims by whatever number an operator has at hand, within a moment among many.

Each column has an index in the order of bytes and is looked up by itself, see
:mod:`orders.selectors.search`, which finds those by numbers of their orders.
"""

from __future__ import annotations

from dataclasses import dataclass

from openplatform.core.statements import send
from orders.selectors.search import MAX_FOUND, MAX_LENGTH, end_of, find_orders

FIND = f"""
    SELECT 0, id FROM (
        SELECT id FROM aftersales_claim
        WHERE aftersale_no ~>=~ %(own)s AND aftersale_no ~<~ %(own_end)s
        ORDER BY aftersale_no USING ~<~ LIMIT {MAX_FOUND + 1}
    ) own
    UNION ALL SELECT 1, id FROM (
        SELECT id FROM aftersales_claim
        WHERE merchant_aftersale_no <> '' AND merchant_aftersale_no ~>=~ %(text)s
            AND merchant_aftersale_no ~<~ %(end)s
        ORDER BY merchant_aftersale_no USING ~<~ LIMIT {MAX_FOUND + 1}
    ) merchants
    UNION ALL SELECT 2, claim_id FROM (
        SELECT claim_id FROM aftersales_claimparcel
        WHERE waybill_no ~>=~ %(text)s AND waybill_no ~<~ %(end)s
        ORDER BY waybill_no USING ~<~ LIMIT {MAX_FOUND + 1}
    ) parcels
    UNION ALL SELECT 3, id FROM aftersales_claim
    WHERE order_id = ANY(%(order_ids)s::bigint[])
"""  # noqa: S608 - of constants


@dataclass(frozen=True, slots=True)
class FoundClaims:
    """Claims by their primary keys, and whether there are more than were looked at."""

    claim_ids: list[int]
    is_cut: bool


def find_claims(text: str) -> FoundClaims:
    """The claims of which a number is this text or begins with it: the claim's own, the
    merchant's, that of a waybill of goods sent back, or one that finds the order.

    Numbers of ours are found in small letters, too. Blanks around the text are not looked at.
    """
    text = text.strip()
    if not text or len(text) > MAX_LENGTH or "\0" in text:
        return FoundClaims([], is_cut=False)
    orders = find_orders(text)
    own = text.upper()
    rows = send(
        FIND,
        {
            "text": text,
            "end": end_of(text),
            "own": own,
            "own_end": end_of(own),
            "order_ids": orders.order_ids,
        },
    ).rows()
    in_column = [sum(1 for place, _id in rows if place == column) for column in range(3)]
    return FoundClaims(
        sorted({claim_id for _place, claim_id in rows}, reverse=True),
        is_cut=orders.is_cut or max(in_column) > MAX_FOUND,
    )
