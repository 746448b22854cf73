"""Why a claim cannot be filed: every fault of a stage at once. Nothing is read here."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from aftersales.claimable import CLAIMABLE, claimable_quantity, types_of
from aftersales.errors import (
    NO_SUCH_PICTURE,
    NO_SUCH_SUBORDER,
    AftersaleTypeNotAllowed,
    AftersaleWindowClosed,
    QuantityExceedsClaimable,
)
from aftersales.requests import ClaimRequest
from aftersales.selectors.filing import FilingFacts, FoundReason, PartFacts
from openplatform.core import clock
from openplatform.core.errors import DomainError, FieldInvalid, FieldRequired, NotFound, refuse_if
from orders.errors import OrderStateConflict
from orders.models import OrderLine


def check_claim(
    request: ClaimRequest, facts: FilingFacts, *, asks_pictures: bool
) -> tuple[PartFacts, FoundReason, list[OrderLine]]:
    """The suborder, the reason, and the line of each item, when all of it can be claimed.

    :param asks_pictures: whether a reason's pictures are insisted on.
    :raises Refusal: with every fault of the first stage that has one.
    """
    part, reason = facts.part, facts.reason
    refuse_if(_missing(request, facts))
    lines = {} if part is None else {str(line.line_no): line for line in part.lines}
    faults = _form_faults(request, facts, asks_pictures=asks_pictures)
    if part is not None:
        faults += [
            FieldInvalid(_("The suborder has no such line"), pointer=f"/items/{index}/line_no")
            for index, (line_no, _quantity) in enumerate(request.items)
            if line_no not in lines
        ]
    refuse_if(faults)
    assert part is not None and reason is not None  # noqa: S101, PT018 - refused above
    claimed = [lines[line_no] for line_no, _quantity in request.items]
    refuse_if(_conflicts(request, part, claimed))
    return part, reason, claimed


def _missing(request: ClaimRequest, facts: FilingFacts) -> list[DomainError]:
    faults: list[DomainError] = []
    if facts.part is None and not facts.children:
        faults.append(NotFound(NO_SUCH_SUBORDER, pointer="/order_no"))
    faults += [
        NotFound(NO_SUCH_PICTURE, pointer=f"/pictures/{index}")
        for index, picture_id in enumerate(request.pictures)
        if picture_id not in facts.pictures
    ]
    return faults


def _form_faults(
    request: ClaimRequest, facts: FilingFacts, *, asks_pictures: bool
) -> list[DomainError]:
    faults: list[DomainError] = []
    if facts.part is None:
        faults.append(
            FieldInvalid(
                _("A claim is on one suborder: name the one that has the line"),
                pointer="/order_no",
                suborders=facts.children,
            )
        )
    if facts.reason is None:
        faults.append(FieldInvalid(pointer="/reason", allowed=facts.reasons))
    elif facts.reason.pictures_required and asks_pictures and not request.pictures:
        faults.append(
            FieldRequired(
                _("This reason takes a picture of what is wrong"), pointer="/pictures", minimum=1
            )
        )
    return faults


def _conflicts(
    request: ClaimRequest, found: PartFacts, claimed: list[OrderLine]
) -> list[DomainError]:
    faults: list[DomainError] = []
    if found.part.status not in CLAIMABLE:
        faults.append(OrderStateConflict(pointer="/order_no", status=found.part.status))
    elif found.is_late:
        faults.append(AftersaleWindowClosed(pointer="/order_no", until=clock.to_text(found.until)))
    for index, (line, (line_no, quantity)) in enumerate(zip(claimed, request.items, strict=True)):
        claimable = claimable_quantity(line, request.type)
        types = types_of(line)
        if types and request.type not in types:
            faults.append(
                AftersaleTypeNotAllowed(
                    pointer=f"/items/{index}/line_no",
                    line_no=line_no,
                    types=[type.value for type in types],
                )
            )
        elif quantity > claimable:
            faults.append(
                QuantityExceedsClaimable(
                    pointer=f"/items/{index}/quantity", line_no=line_no, claimable=claimable
                )
            )
    return faults
