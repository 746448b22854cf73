"""What claims say must stand in the books of accounts, and in the timelines of orders."""

from __future__ import annotations

from collections.abc import Sequence

from aftersales.models import Claim
from aftersales.states import ClaimStatus
from orders.timeline import Share

# A refund of nothing (goods that were paid with nothing, or an amount lowered to it) books nothing.
REFUNDS = """
    SELECT 'aftersale' AS document, aftersale_no AS document_no, 'refund' AS kind, partner_id,
        refund_amount AS amount, ended_at AS at
    FROM aftersales_claim WHERE status = 'refunded' AND refund_amount > 0
"""


def read_refunds(aftersale_nos: Sequence[str]) -> dict[str, list[Share]]:
    """What claims refunded of which line, and of the freight."""
    claims = (
        Claim.objects.filter(aftersale_no__in=aftersale_nos, status=ClaimStatus.REFUNDED)
        .select_related("suborder")
        .prefetch_related("lines__line")
    )
    found: dict[str, list[Share]] = {}
    for claim in claims:
        part_no = claim.suborder.order_no
        shares = []
        for row in sorted(claim.lines.all(), key=lambda row: row.line.line_no):
            quantity = (
                row.approved_quantity if row.accepted_quantity is None else (row.accepted_quantity)
            )
            if quantity:
                shares.append(Share(part_no, row.line.line_no, row.refund_amount, quantity))
        if claim.freight_refund_amount:
            shares.append(Share(part_no, None, claim.freight_refund_amount))
        found[claim.aftersale_no] = shares
    return found
