"""Goods of a claim came back to the warehouse and were counted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from aftersales.errors import AftersaleStateConflict
from aftersales.inspections import approved_rows, plan_receipt
from aftersales.models import Claim, ClaimLine
from aftersales.services.transitions import Actor, lock_claim, move
from aftersales.states import ClaimStatus
from openplatform.audit.services.recording import record_change
from openplatform.core.locking import transactional

RECEIVABLE = (ClaimStatus.AWAITING_RETURN, ClaimStatus.RETURN_SHIPPED)


@transactional
def receive_return(
    *,
    aftersale_no: str,
    quantities: Mapping[int, int] | None,
    by: Actor,
    now: datetime,
    expected_version: int | None = None,
) -> Claim:
    """The claim, its goods received; what they are worth is found by inspection. Goods that came
    without a word of their merchant pass through having been sent.

    :param quantities: units by line number, lines left out did not come; an empty box is nothing
        of any. None is everything that was approved.
    :raises NotFound: when there is no such claim.
    :raises PreviewOutdated: when it has changed since somebody looked.
    :raises AftersaleStateConflict: unless goods are awaited or on their way.
    :raises FieldInvalid: for a line that is not part of what was approved.
    :raises QuantityInvalid: for less than nothing, or more than was approved (``maximum``).
    """
    claim = lock_claim(aftersale_no=aftersale_no, expected_version=expected_version)
    if claim.status not in RECEIVABLE:
        raise AftersaleStateConflict(aftersale_no=aftersale_no, status=claim.status)
    rows = list(claim.lines.select_related("line").order_by("line__line_no"))
    received = plan_receipt(rows, quantities)
    approved = approved_rows(rows)
    for line_no, row in approved.items():
        row.received_quantity = received[line_no]
    ClaimLine.objects.bulk_update(approved.values(), ["received_quantity"])
    before = claim.status
    if before == ClaimStatus.AWAITING_RETURN:
        move(claim, ClaimStatus.RETURN_SHIPPED, by=by, now=now)
    move(claim, ClaimStatus.RETURN_RECEIVED, by=by, now=now)
    record_change(
        action="receive_return",
        subject=claim,
        before={"status": before},
        after={
            "status": claim.status,
            "received_units": {
                row.line.sku_code: row.received_quantity for row in approved.values()
            },
        },
        actor=by.name,
        partner_id=claim.partner_id,
    )
    return claim
