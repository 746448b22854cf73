"""What approving a claim means for its units and its money.

Nothing is read or written here: services act on these plans, and previews show them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from django.utils.translation import gettext_lazy as _

from aftersales.errors import QuantityExceedsClaimable, RefundExceedsPaid
from aftersales.models import Claim, ClaimLine, ClaimType
from openplatform.core import money
from openplatform.core.errors import DomainError, FieldInvalid, FieldRequired, refuse_if
from orders.changes import freight_once_closed
from orders.models import OrderLine, Suborder

MAX_NOTE = 500


@dataclass(frozen=True, slots=True)
class ApprovedLine:
    """What is granted of a claimed line.

    :param quantity: units, zero to what was claimed.
    :param amount: the money for all of them; None is what was paid for them.
    """

    quantity: int
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """Units of a claimed line that are granted; ``unshipped`` of them never left the warehouse."""

    row: ClaimLine
    line: OrderLine
    quantity: int
    unshipped: int
    amount: Decimal

    @property
    def paid_amount(self) -> Decimal:
        """What was paid for these units."""
        return self.line.purchase_price * self.quantity


@dataclass(frozen=True)
class ApprovalPlan:
    """What a claim comes to: a piece for each claimed line, also where nothing is granted of it."""

    pieces: tuple[Piece, ...]
    freight_amount: Decimal
    freight_asked: Decimal = money.ZERO

    @cached_property
    def goods_amount(self) -> Decimal:
        """Without freight."""
        return sum((piece.amount for piece in self.pieces), money.ZERO)

    @cached_property
    def amount(self) -> Decimal:
        """The refund."""
        return self.goods_amount + self.freight_amount

    @cached_property
    def is_partial(self) -> bool:
        """Whether fewer units, or less money for them or of the freight, than what was claimed."""
        return self.freight_amount < self.freight_asked or any(
            piece.quantity < piece.row.quantity or piece.amount < piece.paid_amount
            for piece in self.pieces
        )


def plan_approval(
    claim: Claim,
    part: Suborder,
    lines: Sequence[OrderLine],
    rows: Sequence[ClaimLine],
    granted: Mapping[int, ApprovedLine] | None,
    *,
    freight_amount: Decimal | None,
    note: str,
    is_decided: bool = False,
) -> ApprovalPlan:
    """What is granted of a claim, all faults at once.

    :param part, lines: the claim's suborder and all its lines as they are.
    :param rows: the lines of the claim.
    :param granted: by line number; a claimed line that is not named is not granted. None grants
        all that was claimed.
    :param freight_amount: what goes back of the freight; None: all that was not refunded yet, when
        no unit of the suborder was shipped and none is left, else nothing.
    :param note: why; asked for when less is granted than was claimed.
    :param is_decided: by a first person, from whom the note was asked.
    :raises FieldInvalid: for a line that is not claimed, an amount below zero or with parts of a
        cent, a note that is too long, or when nothing at all is granted.
    :raises QuantityExceedsClaimable: for more units than were claimed.
    :raises RefundExceedsPaid: for more money than was paid for the units, or is left of the
        freight.
    :raises FieldRequired: for less than was claimed without a note.
    """
    by_id = {line.pk: line for line in lines}
    claimed = {by_id[row.line_id].line_no: row for row in rows}
    if granted is None:
        granted = {line_no: ApprovedLine(row.quantity) for line_no, row in claimed.items()}
    faults: list[DomainError] = [
        FieldInvalid(_("This line is not claimed"), pointer=f"/lines/{line_no}")
        for line_no in sorted(set(granted) - set(claimed))
    ]
    pieces = []
    for line_no, row in sorted(claimed.items()):
        answer, line = granted.get(line_no, ApprovedLine(0)), by_id[row.line_id]
        faults += _faults_of_line(line, row, answer)
        pieces.append(_piece_of(line, row, answer))
    closing = {piece.line.pk: piece.unshipped for piece in pieces}
    if freight_amount is None:
        freight_amount = _freight_by_rule(claim, part, lines, closing)
    else:
        faults += faults_of_freight(part, freight_amount)
    refuse_if(faults)
    plan = ApprovalPlan(
        tuple(pieces),
        money.round_amount(freight_amount),
        freight_asked=freight_asked(claim, part, lines, closing),
    )
    if not any(piece.quantity for piece in pieces):
        raise FieldInvalid(_("Nothing would be approved: reject the claim instead"))
    require_note(note, is_required=plan.is_partial and not is_decided)
    return plan


def freight_asked(
    claim: Claim, part: Suborder, lines: Sequence[OrderLine], closing: Mapping[int, int]
) -> Decimal:
    """The freight that goes back of a claim when nobody decides otherwise: what was told when it
    was filed, as far as it is left, or what the rule gives now, when that is more.

    :param lines: all lines of the suborder.
    :param closing: units that are refunded unshipped, by the line's primary key.
    """
    told = min(claim.freight_refund_amount, part.freight_amount - part.refunded_freight_amount)
    return max(told, _freight_by_rule(claim, part, lines, closing))


def amount_by_rule(
    claim: Claim, part: Suborder, lines: Sequence[OrderLine], rows: Sequence[ClaimLine]
) -> Decimal:
    """The refund when all that was claimed is granted now, with the freight by rule.

    :param lines: all lines of the suborder.
    :param rows: the lines of the claim, each with its order line.
    """
    goods = sum((row.line.purchase_price * row.quantity for row in rows), money.ZERO)
    closing = {row.line_id: row.unshipped_quantity for row in rows}
    return goods + _freight_by_rule(claim, part, lines, closing)


def faults_of_freight(part: Suborder, amount: Decimal) -> list[DomainError]:
    """What is wrong with an amount of freight that is to go back."""
    if not _is_exact(amount):
        return [FieldInvalid(pointer="/freight_amount")]
    left = part.freight_amount - part.refunded_freight_amount
    if amount > left:
        return [RefundExceedsPaid(pointer="/freight_amount", maximum=money.to_text(left))]
    return []


def accepted_amount(row: ClaimLine, accepted: int) -> Decimal:
    """The refund for those units of a line that passed inspection: their share of what was granted
    for all approved ones, half a cent up. It is never more than was granted, nor than was paid.
    """
    approved = row.approved_quantity
    if not approved or not accepted:
        return money.ZERO
    return min(money.round_amount(row.refund_amount * accepted / approved), row.refund_amount)


def require_note(note: str, *, is_required: bool = True) -> None:
    """:raises FieldRequired, FieldInvalid: without a note, or for one that is too long."""
    if is_required and not note.strip():
        raise FieldRequired(_("Say why: the merchant reads it"), pointer="/note")
    if len(note) > MAX_NOTE:
        raise FieldInvalid(pointer="/note", maximum=MAX_NOTE)


def _freight_by_rule(
    claim: Claim, part: Suborder, lines: Sequence[OrderLine], closing: Mapping[int, int]
) -> Decimal:
    if claim.type != ClaimType.REFUND:
        return money.ZERO
    return freight_once_closed(part, lines, closing)


def _faults_of_line(line: OrderLine, row: ClaimLine, answer: ApprovedLine) -> list[DomainError]:
    pointer, line_no = f"/lines/{line.line_no}", str(line.line_no)
    if answer.quantity < 0:
        return [FieldInvalid(pointer=f"{pointer}/quantity", line_no=line_no)]
    if answer.quantity > row.quantity:
        return [
            QuantityExceedsClaimable(
                pointer=f"{pointer}/quantity", line_no=line_no, claimable=row.quantity
            )
        ]
    if answer.amount is None:
        return []
    if not _is_exact(answer.amount):
        return [FieldInvalid(pointer=f"{pointer}/amount", line_no=line_no)]
    paid = line.purchase_price * answer.quantity
    if answer.amount > paid:
        return [
            RefundExceedsPaid(
                pointer=f"{pointer}/amount", line_no=line_no, maximum=money.to_text(paid)
            )
        ]
    return []


def _piece_of(line: OrderLine, row: ClaimLine, answer: ApprovedLine) -> Piece:
    """Units that never left are granted first."""
    amount = line.purchase_price * answer.quantity if answer.amount is None else answer.amount
    unshipped = min(answer.quantity, row.unshipped_quantity)
    return Piece(row, line, answer.quantity, unshipped, amount)


def _is_exact(amount: Decimal) -> bool:
    if not amount.is_finite() or amount < 0 or amount >= money.LIMIT:
        return False
    return amount == money.round_amount(amount)
