"""Claims as rows, at any state and time, for tests of what is read or hangs on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aftersales.models import Claim, ClaimEvent, ClaimLine, Reason
from aftersales.states import OPEN, ClaimStatus
from openplatform.core import clock
from openplatform.core.identifiers import dated_no
from orders.models import OrderLine, Suborder


@dataclass(frozen=True)
class Part:
    """So many units of a line, and what was refunded for them."""

    line: OrderLine
    quantity: int = 1
    refund: str = "0.00"


def make_reason(code: str = "damaged", name: str = "运输破损", **fields: Any) -> Reason:
    """One of the list, made when it is not there."""
    values = {"name": name, "types": ["refund", "return_refund"], **fields}
    return Reason.objects.update_or_create(code=code, defaults=values)[0]


def part_of(order: dict[str, Any], number: int = 0) -> Suborder:
    """A suborder of an order as the API answered it."""
    return Suborder.objects.get(order_no=order["suborders"][number]["order_no"])


def lines_of(order: dict[str, Any], number: int = 0) -> list[OrderLine]:
    """Its lines."""
    return list(OrderLine.objects.filter(suborder=part_of(order, number)).order_by("line_no"))


def write_claim(
    parts: Iterable[Part],
    *,
    status: ClaimStatus = ClaimStatus.SUBMITTED,
    type: str = "refund",
    reason: Reason | None = None,
    freight: str = "0.00",
    created_at: datetime | None = None,
    decided_after: timedelta | None = None,
    ended_after: timedelta = timedelta(hours=4),
    **fields: Any,
) -> Claim:
    """A claim that came to a state; nothing else of the world moves with it."""
    pieces = list(parts)
    at = created_at or clock.now()
    suborder = pieces[0].line.suborder
    goods = sum((Decimal(piece.refund) for piece in pieces), Decimal(0))
    has_ended = status not in OPEN
    claim = Claim.objects.create(
        **{
            "aftersale_no": dated_no("A", at),
            "partner_id": suborder.order.partner_id,
            "fingerprint": b"",
            "order": suborder.order,
            "suborder": suborder,
            "type": type,
            "status": status,
            "version": 1,
            "reason": reason or make_reason(),
            "goods_refund_amount": goods,
            "freight_refund_amount": Decimal(freight),
            "refund_amount": goods + Decimal(freight),
            "decided_at": None if decided_after is None else at + decided_after,
            "ended_at": at + ended_after if has_ended else None,
            "created_at": at,
            "updated_at": at,
            **fields,
        }
    )
    ClaimLine.objects.bulk_create(
        ClaimLine(
            claim=claim,
            line=piece.line,
            quantity=piece.quantity,
            unshipped_quantity=piece.quantity,
            refund_amount=Decimal(piece.refund),
        )
        for piece in pieces
    )
    ClaimEvent.objects.create(
        claim=claim, to_status="submitted", role="merchant", actor="test", created_at=at
    )
    return claim
