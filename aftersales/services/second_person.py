"""Refunds above a set amount: one operator decides, another one carries it out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User

from aftersales.decisions import ApprovalPlan, ApprovedLine
from aftersales.models import Claim, ClaimNote
from openplatform.approvals.errors import AlreadyWaiting, SecondPersonNeeded
from openplatform.approvals.models import Approval
from openplatform.approvals.services.requesting import is_waiting, request_approval
from openplatform.audit.services.recording import record_change
from openplatform.core import money
from openplatform.core.locking import require_transaction

KIND = "claim"
MAX_REASON = 200
MAX_NAMES = 150  # what a claim holds of those who decided it


def needs_second_person(plan: ApprovalPlan) -> bool:
    """Whether a refund is more than one person may decide."""
    return bool(plan.amount > settings.AFTERSALE_SECOND_PERSON_ABOVE)


def is_claim_waiting(aftersale_no: str) -> bool:
    """Whether an approval of this claim waits for its second person."""
    return is_waiting(kind=KIND, subject_no=aftersale_no)


def require_not_waiting(claim: Claim) -> None:
    """:raises AlreadyWaiting: while an approval of this claim waits for its second person."""
    if is_claim_waiting(claim.aftersale_no):
        raise AlreadyWaiting


def ask_second_person(
    claim: Claim, plan: ApprovalPlan, *, note: str, user: User | None, now: datetime
) -> Approval:
    """Step: have another person carry out an approval; the claim stays as it is meanwhile.

    :raises SecondPersonNeeded: when nobody of the staff asks, so that there is no first person.
    :raises AlreadyWaiting: when it is asked for already.
    """
    require_transaction()
    if user is None:
        raise SecondPersonNeeded
    approval = request_approval(
        kind=KIND,
        subject_no=claim.aftersale_no,
        partner_id=claim.partner_id,
        data={
            "amount": money.to_text(plan.amount),
            "goods_amount": money.to_text(plan.goods_amount),
            "freight_amount": money.to_text(plan.freight_amount),
            "lines": {
                str(piece.line.line_no): {
                    "sku": piece.line.sku_code,
                    "quantity": piece.quantity,
                    "amount": money.to_text(piece.amount),
                }
                for piece in plan.pieces
            },
            "note": note,
            "note_count": ClaimNote.objects.filter(claim=claim).count(),
        },
        reason=note[:MAX_REASON],
        requested_by=user,
        requester=user.get_username(),
        barred=[claim.opened_by] if claim.opened_by else [],
    )
    record_change(
        action="ask_for_claim_approval",
        subject=claim,
        before={},
        after={"refund_amount": plan.amount},
        actor=user.get_username(),
        partner_id=claim.partner_id,
        reason=note,
    )
    return approval


def count_notes_since(approval: Approval, claim: Claim) -> int:
    """How many notes were written on a claim after its approval was asked for."""
    count = ClaimNote.objects.filter(claim=claim).count()
    return count - int(approval.data["note_count"])


def name_both(approval: Approval, second: str) -> str:
    """Who decided, the first person before the second; cut where both names are very long."""
    return f"{approval.requester}, {second}"[:MAX_NAMES]


def read_lines(data: Mapping[str, Any]) -> dict[int, ApprovedLine]:
    """What the first person granted, from the data of the approval."""
    return {
        int(line_no): ApprovedLine(line["quantity"], Decimal(line["amount"]))
        for line_no, line in data["lines"].items()
    }
