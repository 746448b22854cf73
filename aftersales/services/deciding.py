"""What operators decide about a claim, and what follows from it in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from aftersales.decisions import ApprovalPlan, ApprovedLine, plan_approval, require_note
from aftersales.errors import CLAIM_CHANGED, AftersaleStateConflict
from aftersales.models import Claim, ClaimLine, ClaimType
from aftersales.services.refunding import (
    carry_out_refund,
    free_claim,
    free_not_approved,
    lock_claimed_part,
    read_rows,
    write_amounts,
)
from aftersales.services.second_person import (
    ask_second_person,
    name_both,
    needs_second_person,
    read_lines,
    require_not_waiting,
)
from aftersales.services.transitions import Actor, Side, lock_claim, move
from aftersales.states import DECIDABLE, ClaimStatus
from catalog.errors import PreviewOutdated
from catalog.models import Warehouse
from openplatform.approvals.models import Approval
from openplatform.audit.services.recording import record_change
from openplatform.core.errors import FieldInvalid
from openplatform.core.locking import require_transaction, transactional
from orders.services.locked_parts import LockedPart

__all__ = [
    "ApprovedLine",
    "apply_claim_approval",
    "approve_claim",
    "ask_for_information",
    "grant_claim",
    "reject_claim",
]


@transactional
def approve_claim(
    *,
    aftersale_no: str,
    lines: Mapping[int, ApprovedLine] | None,
    freight_amount: Decimal | None,
    note: str,
    by: Actor,
    user: User | None,
    now: datetime,
    expected_version: int | None = None,
    expected_amount: Decimal | None = None,
) -> Claim:
    """A claim that is granted, wholly or in part: a refund is made, a return awaited. Above the
    amount that one person may decide it stays submitted, and waits among the approvals.

    1. Lock the claim, then its order. 2. Check state, units and amounts. 3. Facts of the claim,
    approved. 4. A refund: units, stock, order, refunded, and last the wallet. A return: the address
    is frozen, what was not granted is freed, the goods are awaited.

    :param lines: by line number; a claimed line that is not named is not granted. None grants all.
    :param freight_amount: what goes back of the freight; None is by rule
        (:func:`aftersales.decisions.plan_approval`).
    :param note: the merchant reads it; asked for when less is granted than was claimed.
    :param user: who decides, and asks for the second person where one is needed; None for rules.
    :param expected_version: of the claim when somebody looked at what would happen.
    :param expected_amount: the refund, with freight, that was shown then.
    :raises NotFound: for an unknown claim.
    :raises PreviewOutdated: when it has changed since somebody looked, or comes to another amount.
    :raises AftersaleStateConflict: when it does not wait for a decision.
    :raises AlreadyWaiting: while an approval of it waits for the second person.
    :raises QuantityExceedsClaimable, RefundExceedsPaid, FieldInvalid, FieldRequired: see
        :func:`aftersales.decisions.plan_approval`; ``FieldInvalid`` also when the warehouse has no
        address for returns.
    """
    claim = _lock_to_decide(aftersale_no, expected_version)
    require_not_waiting(claim)
    locked, rows = lock_claimed_part(claim), read_rows(claim)
    plan = plan_approval(
        claim, locked.part, locked.lines, rows, lines, freight_amount=freight_amount, note=note
    )
    # Under the order's lock: the freight depends on what becomes of its other claims.
    if expected_amount is not None and plan.amount != expected_amount:
        raise PreviewOutdated
    require_return_address(claim, locked.part.warehouse)
    _take_up(claim, by=by, now=now)
    if needs_second_person(plan):
        ask_second_person(claim, plan, note=note, user=user, now=now)
        return claim
    grant_claim(claim, locked=locked, rows=rows, plan=plan, note=note, by=by, now=now)
    return claim


@transactional
def reject_claim(
    *,
    aftersale_no: str,
    note: str,
    by: Actor,
    now: datetime,
    expected_version: int | None = None,
) -> Claim:
    """A claim that is not granted; its units can be shipped and claimed again. An approval of it
    that waits for a second person can no longer be carried out.

    :param note: the merchant reads it.
    :raises NotFound: for an unknown claim.
    :raises PreviewOutdated: when it has changed since somebody looked.
    :raises AftersaleStateConflict: when it does not wait for a decision.
    :raises FieldRequired, FieldInvalid: without a note, or for one that is too long.
    """
    claim = _lock_to_decide(aftersale_no, expected_version)
    require_note(note)
    before = {"status": claim.status}
    _take_up(claim, by=by, now=now)
    rows = read_rows(claim)
    free_claim(claim, locked=lock_claimed_part(claim), rows=rows)
    _write_decision(claim, note=note, decided_by=by.name, now=now)
    move(claim, ClaimStatus.REJECTED, by=by, now=now, note=note)
    record_change(
        action="reject_claim",
        subject=claim,
        before=before,
        after={"status": claim.status},
        actor=by.name,
        partner_id=claim.partner_id,
        reason=note,
    )
    return claim


@transactional
def ask_for_information(
    *,
    aftersale_no: str,
    note: str,
    by: Actor,
    now: datetime,
    expected_version: int | None = None,
) -> Claim:
    """A claim whose merchant is asked something; a note of the merchant's answers it.

    :param note: the question.
    :raises NotFound: for an unknown claim.
    :raises PreviewOutdated: when it has changed since somebody looked.
    :raises AftersaleStateConflict: unless it is submitted.
    :raises AlreadyWaiting: while an approval of it waits for the second person.
    :raises FieldRequired, FieldInvalid: without a note, or for one that is too long.
    """
    claim = _lock_to_decide(aftersale_no, expected_version, states=(ClaimStatus.SUBMITTED,))
    require_not_waiting(claim)
    require_note(note)
    before = {"status": claim.status}
    move(claim, ClaimStatus.INFO_REQUESTED, by=by, now=now, note=note)
    record_change(
        action="ask_for_information",
        subject=claim,
        before=before,
        after={"status": claim.status},
        actor=by.name,
        partner_id=claim.partner_id,
        reason=note,
    )
    return claim


def apply_claim_approval(
    approval: Approval, *, values: Mapping[str, Any], actor: str, now: datetime
) -> None:
    """Step: carry out what the first person decided, as it was decided. What was written about the
    claim since does not stand against it: nothing but a decision changes what it asks for.

    :raises AftersaleStateConflict: unless the claim still waits for its decision: the approval can
        only be rejected.
    :raises RefundExceedsPaid: when so much is no longer left of the freight.
    """
    require_transaction()
    data = approval.data
    claim = _lock_to_decide(approval.subject_no, None, states=(ClaimStatus.SUBMITTED,))
    locked, rows = lock_claimed_part(claim), read_rows(claim)
    plan = plan_approval(
        claim,
        locked.part,
        locked.lines,
        rows,
        read_lines(data),
        freight_amount=Decimal(data["freight_amount"]),
        note=data["note"],
        is_decided=True,
    )
    grant_claim(
        claim,
        locked=locked,
        rows=rows,
        plan=plan,
        note=data["note"],
        by=Actor(Side.OPERATOR, actor),
        now=now,
        decided_by=name_both(approval, actor),
    )


def grant_claim(
    claim: Claim,
    *,
    locked: LockedPart,
    rows: Sequence[ClaimLine],
    plan: ApprovalPlan,
    note: str,
    by: Actor,
    now: datetime,
    decided_by: str = "",
    before_booking: Callable[[], None] | None = None,
) -> None:
    """Step: what was planned is approved and carried out; steps 3 and 4 of :func:`approve_claim`.

    :param claim, locked, rows: locked, and read afterwards.
    :param decided_by: whom staff finds on the claim; left out, whoever acts.
    :param before_booking: what its caller still has to write before the wallet is locked.
    :raises AftersaleStateConflict: unless the claim is submitted.
    :raises FieldInvalid: when the warehouse has no address for returns, or the balance would be
        more than a wallet holds.
    """
    require_transaction()
    before = {"status": claim.status, "refund_amount": claim.refund_amount}
    if claim.type == ClaimType.RETURN_REFUND:
        claim.return_address = require_return_address(claim, locked.part.warehouse)
    write_amounts(claim, plan)
    for piece in plan.pieces:
        piece.row.approved_quantity = piece.quantity
    ClaimLine.objects.bulk_update(rows, ["approved_quantity", "refund_amount"])
    _write_decision(claim, note=note, decided_by=decided_by or by.name, now=now)
    move(claim, ClaimStatus.APPROVED, by=by, now=now, note=note)
    record_change(
        action="approve_claim",
        subject=claim,
        before=before,
        after={
            "status": claim.status,
            "refund_amount": claim.refund_amount,
            "approved_units": {
                piece.line.sku_code: f"{piece.quantity}/{piece.row.quantity}"
                for piece in plan.pieces
            },
        },
        actor=by.name,
        partner_id=claim.partner_id,
        reason=note,
    )
    free_not_approved(locked, plan.pieces)
    if claim.type == ClaimType.RETURN_REFUND:
        move(claim, ClaimStatus.AWAITING_RETURN, by=by, now=now)
        if before_booking is not None:
            before_booking()
        return
    carry_out_refund(
        claim, locked=locked, rows=rows, plan=plan, by=by, now=now, before_booking=before_booking
    )


def require_return_address(claim: Claim, warehouse: Warehouse) -> dict[str, str] | None:
    """Where the goods of a return go; None for a claim without one.

    :raises FieldInvalid: when the warehouse has no address for returns, or nobody to take them in.
    """
    if claim.type != ClaimType.RETURN_REFUND:
        return None
    address = {
        "name": warehouse.return_name,
        "phone": warehouse.return_phone,
        "address": warehouse.return_address,
    }
    if not all(address.values()):
        raise FieldInvalid(
            _(
                "The warehouse %(warehouse)s has no address for returns: name, phone and address"
                " are kept on its page"
            )
            % {"warehouse": warehouse.code},
            pointer="/warehouse",
        )
    return address


def _lock_to_decide(
    aftersale_no: str,
    expected_version: int | None,
    *,
    states: Collection[str] = DECIDABLE,
) -> Claim:
    """The state comes first: of a claim that has ended it says more than that it has changed."""
    claim = lock_claim(aftersale_no=aftersale_no)
    if claim.status not in states:
        raise AftersaleStateConflict(
            f"{AftersaleStateConflict.title}: {claim.get_status_display()}",
            aftersale_no=claim.aftersale_no,
            status=claim.status,
        )
    if expected_version is not None and claim.version != expected_version:
        raise PreviewOutdated(CLAIM_CHANGED)
    return claim


def _take_up(claim: Claim, *, by: Actor, now: datetime) -> None:
    """A decision without the answer that was asked for: the claim is looked at as it is."""
    if claim.status == ClaimStatus.INFO_REQUESTED:
        move(claim, ClaimStatus.SUBMITTED, by=by, now=now)


def _write_decision(claim: Claim, *, note: str, decided_by: str, now: datetime) -> None:
    claim.decision_note, claim.decided_by, claim.decided_at = note, decided_by, now
    claim.save(update_fields=["decision_note", "decided_by", "decided_at", "return_address"])
