"""What came back of a claim, what of it is accepted, and what that comes to.

Nothing is read or written here: services act on these plans, and previews show them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from aftersales.decisions import accepted_amount, faults_of_freight
from aftersales.models import Claim, ClaimLine
from openplatform.core import money
from openplatform.core.errors import (
    DomainError,
    FieldInvalid,
    FieldRequired,
    QuantityInvalid,
    refuse_if,
)
from orders.models import Suborder

Result = ClaimLine.Inspection


@dataclass(frozen=True, slots=True)
class InspectedLine:
    """What was found of a line.

    :param accepted: units that are refunded; the others that came are sent back.
    :param restocked: of the accepted ones, those that can be sold again; the others are written
        off.
    :param received: None when the count at receipt was right.
    """

    accepted: int
    restocked: int
    result: ClaimLine.Inspection
    received: int | None = None


@dataclass(frozen=True, slots=True)
class InspectionPlan:
    """What an inspection comes to; by line number, with a zero for what is not refunded."""

    received: dict[int, int]
    amounts: dict[int, Decimal]
    freight_amount: Decimal
    is_accepted: bool  # any of it

    @property
    def goods_amount(self) -> Decimal:
        """Without freight."""
        return sum(self.amounts.values(), money.ZERO)

    @property
    def amount(self) -> Decimal:
        """The refund."""
        return self.goods_amount + self.freight_amount


def approved_rows(rows: Sequence[ClaimLine]) -> dict[int, ClaimLine]:
    """Those of a claim's lines of which something was approved, by line number."""
    return {row.line.line_no: row for row in rows if row.approved_quantity}


def plan_receipt(rows: Sequence[ClaimLine], quantities: Mapping[int, int] | None) -> dict[int, int]:
    """Units received by line number, a number for each approved line.

    :param quantities: lines left out did not come. None is everything that was approved.
    :raises Refusal: with a FieldInvalid for a line of which nothing was approved, a QuantityInvalid
        for less than nothing or more than was approved (``maximum``).
    """
    approved = approved_rows(rows)
    if quantities is None:
        return {no: row.approved_quantity or 0 for no, row in approved.items()}
    received = {no: quantities.get(no, 0) for no in approved}
    faults = _faults_of_names(approved, quantities)
    for no, row in approved.items():
        faults += _faults_of_quantity(no, "received", received[no], row.approved_quantity or 0)
    refuse_if(faults)
    return received


def plan_inspection(
    claim: Claim,
    part: Suborder,
    rows: Sequence[ClaimLine],
    found: Mapping[int, InspectedLine],
    *,
    freight_amount: Decimal | None,
) -> InspectionPlan:
    """What would be refunded, all faults at once. Of the amount decided for a line its accepted
    units get their part.

    :param part: the claim's suborder.
    :param rows: all lines of the claim.
    :param found: by line number, every line of which something was approved.
    :param freight_amount: None is what was decided. Nothing accepted leaves none.
    :raises Refusal: as told at :func:`aftersales.services.inspecting.inspect_return`.
    """
    approved = approved_rows(rows)
    faults = _faults_of_names(approved, found)
    received = {}
    for no, row in approved.items():
        if no not in found:
            faults.append(
                FieldRequired(
                    _("This line was not inspected"), pointer=f"/lines/{no}", line_no=str(no)
                )
            )
            continue
        count = found[no].received
        received[no] = (row.received_quantity or 0) if count is None else count
        faults += _faults_of_line(no, row, found[no], received[no])
    refuse_if(faults)
    amounts = {no: accepted_amount(row, found[no].accepted) for no, row in approved.items()}
    if not any(line.accepted for line in found.values()):
        return InspectionPlan(received, amounts, money.ZERO, is_accepted=False)
    freight = claim.freight_refund_amount if freight_amount is None else freight_amount
    refuse_if(faults_of_freight(part, freight))
    plan = InspectionPlan(received, amounts, freight, is_accepted=True)
    # Freight that nobody granted is a decision of whoever inspects, also where goods that two
    # people granted did not come to as much.
    is_more = freight > claim.freight_refund_amount
    if is_more and plan.amount > settings.AFTERSALE_SECOND_PERSON_ABOVE:
        raise FieldInvalid(
            _("More freight than was approved, and in all more than one person may decide"),
            pointer="/freight_amount",
        )
    return plan


def _faults_of_names(
    approved: Mapping[int, ClaimLine], named: Mapping[int, object]
) -> list[DomainError]:
    return [
        FieldInvalid(
            _("Nothing of this line was approved"), pointer=f"/lines/{no}", line_no=str(no)
        )
        for no in named
        if no not in approved
    ]


def _faults_of_quantity(no: int, field: str, quantity: int, maximum: int) -> list[DomainError]:
    if 0 <= quantity <= maximum:
        return []
    texts = {
        "received": _("No more can be received than was approved"),
        "accepted": _("No more can be accepted than was received"),
        "restocked": _("No more can be restocked than was accepted"),
    }
    return [
        QuantityInvalid(
            texts[field], pointer=f"/lines/{no}/{field}", line_no=str(no), maximum=maximum
        )
    ]


def _faults_of_line(
    no: int, row: ClaimLine, found: InspectedLine, received: int
) -> list[DomainError]:
    approved = row.approved_quantity or 0
    faults = [
        *_faults_of_quantity(no, "received", received, approved),
        *_faults_of_quantity(no, "accepted", found.accepted, received),
        *_faults_of_quantity(no, "restocked", found.restocked, found.accepted),
    ]
    is_whole = received == approved
    if (found.result == Result.AS_EXPECTED and not (is_whole and found.accepted == received)) or (
        found.result == Result.FEWER and is_whole
    ):
        faults.append(
            FieldInvalid(
                _("The result does not go with these quantities"),
                pointer=f"/lines/{no}/result",
                line_no=str(no),
            )
        )
    return faults
