"""Steps that end a claim's hold on its units: refunded, once and to the wallet last, or freed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from accounts.models import LedgerEntry
from accounts.services import wallet
from aftersales.decisions import ApprovalPlan, Piece, accepted_amount
from aftersales.models import Claim, ClaimLine
from aftersales.services.transitions import Actor, move
from aftersales.states import ClaimStatus
from openplatform.audit.services.recording import record_change
from openplatform.core import money
from openplatform.core.locking import require_transaction
from orders.services.claimed_units import ClaimedUnits, RefundedUnits, free_units, refund_units
from orders.services.locked_parts import LockedPart, lock_part

MAX_LEDGER_NOTE = 200
AMOUNTS = ("goods_refund_amount", "freight_refund_amount", "refund_amount")


def lock_claimed_part(claim: Claim) -> LockedPart:
    """Step: the suborder of a locked claim, locked with its order."""
    return lock_part(suborder_no=claim.suborder.order_no)


def read_rows(claim: Claim) -> list[ClaimLine]:
    """The lines of a locked claim, by line number; ``line`` is as it was before its order is
    locked."""
    lines = ClaimLine.objects.filter(claim=claim).select_related("line")
    return list(lines.order_by("line__line_no"))


def list_held(locked: LockedPart, rows: Sequence[ClaimLine]) -> list[ClaimedUnits]:
    """The units that an open claim holds: all that were claimed, and, once it is decided, those
    that were approved.
    """
    lines = {line.pk: line for line in locked.lines}
    return [
        ClaimedUnits(lines[row.line_id], quantity, min(row.unshipped_quantity, quantity))
        for row in rows
        if (quantity := _held(row))
    ]


def free_claim(claim: Claim, *, locked: LockedPart, rows: Sequence[ClaimLine]) -> None:
    """Step: a claim ends without a refund; whatever it still holds can be claimed and shipped
    again, and what it comes to is nothing. Cancelling, rejecting and expiring go through here,
    before the message that tells it.

    :param locked: from :func:`lock_claimed_part`, locked after the claim.
    :param rows: from :func:`read_rows`.
    """
    require_transaction()
    free_units(list_held(locked, rows))
    for row in rows:
        row.refund_amount = money.ZERO
    ClaimLine.objects.bulk_update(rows, ["refund_amount"])
    claim.goods_refund_amount = claim.freight_refund_amount = claim.refund_amount = money.ZERO
    claim.save(update_fields=AMOUNTS)


def free_not_approved(locked: LockedPart, pieces: Sequence[Piece]) -> None:
    """Step: units that a decision did not grant, of a claim that stays open."""
    require_transaction()
    lines = {line.pk: line for line in locked.lines}
    free_units(
        [
            ClaimedUnits(
                lines[piece.line.pk],
                piece.row.quantity - piece.quantity,
                piece.row.unshipped_quantity - piece.unshipped,
            )
            for piece in pieces
            if piece.quantity < piece.row.quantity
        ]
    )


def refund_claim(
    claim: Claim,
    *,
    locked: LockedPart,
    rows: Sequence[ClaimLine],
    freight_amount: Decimal,
    by: Actor,
    now: datetime,
    note: str = "",
) -> None:
    """Step: the refund of a return that was inspected; the claim is refunded by then. Stock of what
    came back is the caller's, before.

    1. Each line's amount: the share of the accepted units in what was granted. 2. Facts, units,
    order. 3. The claim's state and message. 4. The wallet, last.

    :param locked: from :func:`lock_claimed_part`, locked after the claim.
    :param rows: the lines, with what was received and accepted; this step writes them, too.
    :param freight_amount: as :func:`aftersales.inspections.plan_inspection` found it to be right.
    :raises ValueError: when nothing was accepted, which is a rejection.
    """
    require_transaction()
    lines = {line.pk: line for line in locked.lines}
    pieces = tuple(
        Piece(
            row,
            lines[row.line_id],
            row.accepted_quantity or 0,
            0,
            accepted_amount(row, row.accepted_quantity or 0),
        )
        for row in rows
    )
    if not any(piece.quantity for piece in pieces):
        raise ValueError("nothing was accepted")
    plan = ApprovalPlan(pieces, freight_amount)
    write_amounts(claim, plan)
    ClaimLine.objects.bulk_update(
        rows,
        [
            "received_quantity",
            "accepted_quantity",
            "restocked_quantity",
            "inspection",
            "refund_amount",
        ],
    )
    carry_out_refund(claim, locked=locked, rows=rows, plan=plan, by=by, now=now, note=note)


def write_amounts(claim: Claim, plan: ApprovalPlan) -> None:
    """Step: what a claim comes to now, on its row and, unsaved, on those of its lines."""
    require_transaction()
    for piece in plan.pieces:
        piece.row.refund_amount = piece.amount
    claim.goods_refund_amount = plan.goods_amount
    claim.freight_refund_amount = plan.freight_amount
    claim.refund_amount = plan.amount
    claim.save(update_fields=AMOUNTS)


def carry_out_refund(
    claim: Claim,
    *,
    locked: LockedPart,
    rows: Sequence[ClaimLine],
    plan: ApprovalPlan,
    by: Actor,
    now: datetime,
    note: str = "",
    before_booking: Callable[[], None] | None = None,
) -> None:
    """Step: units and money of a claim whose amounts are written go back; it is refunded by then.

    1. All units are freed, and those of the plan refunded: order, stock, message of the order.
    2. State, event and message of the claim. 3. The wallet, last; a refund of nothing books
    nothing.

    :param before_booking: what its caller still has to write before the wallet is locked.
    :raises AftersaleStateConflict: in a state that does not lead to a refund.
    :raises FieldInvalid: when the balance would be more than a wallet holds.
    """
    require_transaction()
    order, part = locked.order, locked.part
    free_units(list_held(locked, rows))
    refund_units(
        locked,
        units=[
            RefundedUnits(piece.line, piece.quantity, piece.unshipped, piece.amount)
            for piece in plan.pieces
            if piece.quantity
        ],
        freight_amount=plan.freight_amount,
        reason=claim.aftersale_no,
        actor=by.name,
        now=now,
    )
    before = {"status": claim.status}
    move(claim, ClaimStatus.REFUNDED, by=by, now=now, note=note)
    record_change(
        action="refund_claim",
        subject=claim,
        before=before,
        after={
            "status": claim.status,
            "goods_refund_amount": claim.goods_refund_amount,
            "freight_refund_amount": claim.freight_refund_amount,
            "refunded_units": {
                piece.line.sku_code: piece.quantity for piece in plan.pieces if piece.quantity
            },
        },
        actor=by.name,
        partner_id=claim.partner_id,
        reason=note,
    )
    if before_booking is not None:
        before_booking()
    if claim.refund_amount:
        wallet.book(
            partner_id=claim.partner_id,
            kind=LedgerEntry.Kind.REFUND,
            amount=claim.refund_amount,
            document=LedgerEntry.Document.AFTERSALE,
            document_no=claim.aftersale_no,
            order_no=order.order_no,
            suborder_no=part.order_no,
            aftersale_no=claim.aftersale_no,
            note=claim.decision_note[:MAX_LEDGER_NOTE],
            actor=by.name,
        )


def _held(row: ClaimLine) -> int:
    return row.quantity if row.approved_quantity is None else row.approved_quantity
