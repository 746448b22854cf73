"""Goods that came back are looked at: what is accepted is refunded, the rest goes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from aftersales.decisions import require_note
from aftersales.errors import AftersaleStateConflict
from aftersales.inspections import InspectedLine, InspectionPlan, approved_rows, plan_inspection
from aftersales.models import Claim, ClaimLine, ClaimPicture
from aftersales.services.pictures import attach_pictures
from aftersales.services.refunding import (
    free_claim,
    lock_claimed_part,
    refund_claim,
)
from aftersales.services.transitions import Actor, lock_claim, move
from aftersales.states import ClaimStatus
from catalog.services import stock
from openplatform.audit.services.recording import MAX_REASON, record_change
from openplatform.core.errors import FieldRequired
from openplatform.core.locking import transactional
from orders.services.locked_parts import LockedPart, lock_stock

__all__ = ["InspectedLine", "inspect_return"]


@transactional
def inspect_return(
    *,
    aftersale_no: str,
    lines: Mapping[int, InspectedLine],
    note: str,
    picture_ids: Sequence[str],
    freight_amount: Decimal | None,
    by: Actor,
    now: datetime,
    expected_version: int | None = None,
) -> Claim:
    """The claim, refunded for what was accepted; rejected when nothing was.

    1. Lock the claim, then its order; check. 2. What was found, with pictures. 3. Stock of what
    was accepted. 4. The refund, whose last step is the wallet; or the units freed, and the claim
    rejected.

    :param lines: every line of which something was approved, by its number.
    :param note: why nothing was accepted; else what the history says.
    :param freight_amount: freight that is refunded, too; None is as it was decided.
    :raises NotFound: when there is no such claim, or a picture is not free to be used.
    :raises PreviewOutdated: when it has changed since somebody looked.
    :raises AftersaleStateConflict: unless its goods were received.
    :raises FieldInvalid: for a line that was not approved, a result that its numbers deny, or
        more freight than was approved where the refund is more than one person may decide.
    :raises QuantityInvalid: for more units received than approved, accepted than received, or
        restocked than accepted.
    :raises FieldRequired: for a line left out; without note or picture when nothing is accepted.
    :raises RefundExceedsPaid: for more freight than was paid and not refunded.
    """
    claim = lock_claim(aftersale_no=aftersale_no, expected_version=expected_version)
    if claim.status != ClaimStatus.RETURN_RECEIVED:
        raise AftersaleStateConflict(aftersale_no=aftersale_no, status=claim.status)
    locked = lock_claimed_part(claim)
    rows = list(claim.lines.select_related("line").order_by("line__line_no"))
    plan = plan_inspection(claim, locked.part, rows, lines, freight_amount=freight_amount)
    require_note(note, is_required=not plan.is_accepted)
    if not (plan.is_accepted or picture_ids):
        raise FieldRequired(_("Show why nothing is accepted"), pointer="/pictures")
    approved = approved_rows(rows)
    for line_no, row in approved.items():
        found = lines[line_no]
        row.received_quantity = plan.received[line_no]
        row.accepted_quantity = found.accepted
        row.restocked_quantity = found.restocked
        row.inspection = found.result
    attach_pictures(claim, picture_ids, ClaimPicture.Use.INSPECTION)
    _record(claim, approved, plan, by=by, note=note)
    if plan.is_accepted:
        _take_in(locked, claim, list(approved.values()))
        refund_claim(
            claim,
            locked=locked,
            rows=rows,
            freight_amount=plan.freight_amount,
            by=by,
            now=now,
            note=note,
        )
    else:
        _reject(locked, claim, rows, by=by, now=now, note=note)
    return claim


def _reject(
    locked: LockedPart,
    claim: Claim,
    rows: Sequence[ClaimLine],
    *,
    by: Actor,
    now: datetime,
    note: str,
) -> None:
    ClaimLine.objects.bulk_update(
        rows, ["received_quantity", "accepted_quantity", "restocked_quantity", "inspection"]
    )
    claim.decision_note = note
    claim.save(update_fields=["decision_note"])
    free_claim(claim, locked=locked, rows=rows)
    move(claim, ClaimStatus.REJECTED, by=by, now=now, note=note)


def _record(
    claim: Claim, rows: Mapping[int, ClaimLine], plan: InspectionPlan, *, by: Actor, note: str
) -> None:
    record_change(
        action="inspect_return",
        subject=claim,
        before={"refund_amount": claim.refund_amount},
        after={
            "refund_amount": plan.amount,
            "found": {
                row.line.sku_code: {
                    "received": row.received_quantity,
                    "accepted": row.accepted_quantity,
                    "restocked": row.restocked_quantity,
                    "result": row.inspection,
                }
                for row in rows.values()
            },
        },
        actor=by.name,
        partner_id=claim.partner_id,
        reason=note[:MAX_REASON],
    )


def _take_in(locked: LockedPart, claim: Claim, rows: Sequence[ClaimLine]) -> None:
    """Accepted units: what can be sold again is stock, what cannot came and went."""
    warehouse_id = locked.part.warehouse_id
    accepted = [row for row in rows if row.accepted_quantity]
    stock_ids = lock_stock(warehouse_ids=[warehouse_id], lines=[row.line for row in accepted])
    restocked = [(row, row.restocked_quantity) for row in accepted]
    written_off = [(row, (row.accepted_quantity or 0) - row.restocked_quantity) for row in accepted]
    for step, units in ((stock.send_return, restocked), (stock.send_return_write_off, written_off)):
        moved = [(row, quantity) for row, quantity in units if quantity]
        if moved:
            step(
                stock_ids=[stock_ids[warehouse_id, row.line.sku_id] for row, _n in moved],
                quantities=[quantity for _row, quantity in moved],
                document_no=claim.aftersale_no,
            )
