"""A merchant says in which parcels the goods of an approved claim come back."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from aftersales.errors import AftersaleStateConflict
from aftersales.models import Claim, ClaimParcel
from aftersales.services.answers import answer_with, answered_anew
from aftersales.services.parcels import (
    add_parcel,
    find_parcel,
    is_code,
    renumber_parcel,
    require_carrier,
    require_waybill,
)
from aftersales.services.transitions import Actor, Side, lock_claim, move, tell_again
from aftersales.states import ClaimStatus
from openplatform.audit.services.recording import record_change
from openplatform.core.errors import DomainError, FieldInvalid, StringInvalid, refuse_if
from openplatform.core.locking import transactional
from openplatform.idempotency.services.replay import Answer, ReplayKey
from openplatform.idempotency.services.replay import claim as claim_key
from orders.models import Carrier, Shipment
from orders.services.parcel_progress import NUMBER_IN_USE

CLOCKS_DIFFER = timedelta(hours=1)  # by how much a parcel may leave in our future
ON_ITS_WAY = (ClaimStatus.AWAITING_RETURN, ClaimStatus.RETURN_SHIPPED)
RETURN = ClaimParcel.Direction.RETURN


@transactional
def report_return(
    *,
    partner_id: int,
    aftersale_no: str,
    carrier_code: str,
    waybill_no: str,
    shipped_at: datetime | None,
    replaces: str | None,
    by: Actor,
    now: datetime,
    replay: ReplayKey | None = None,
) -> Answer:
    """The claim with one return parcel more, or with the right number on one (200). The same
    parcel again is a replay, whatever has become of the claim meanwhile.

    1. Claim the Idempotency-Key, lock the claim. 2. A parcel that is known ends here. 3. Check.
    4. The parcel, then the state and its message; without a change of state
    ``aftersale.status_changed`` all the same.

    :param by: the merchant, or whoever of the staff was told by other ways.
    :param shipped_at: when it left; None is ``now``.
    :param replaces: the waybill number that was told before by mistake.
    :raises NotFound: when the partner has no such claim.
    :raises Refusal: with a FieldInvalid for a carrier that is not in use, the number of a parcel
        that we sent to the merchant's consumers, a moment in the future or before the order, a
        number to be replaced that nobody told, and a StringInvalid for a malformed number.
    :raises TooManyItems: for the 21st parcel.
    :raises AftersaleStateConflict: unless goods are awaited or on their way.
    """
    if (kept := claim_key(replay)) is not None:
        return answered_anew(kept)
    claim = lock_claim(aftersale_no=aftersale_no, partner_id=partner_id)
    known = find_parcel(claim, RETURN, carrier_code=carrier_code, waybill_no=waybill_no)
    wrong = None if replaces is None else _find_by_number(claim, replaces)
    if known is not None and (wrong is None or wrong == known):
        return answer_with(claim.pk, status=200, replay=replay, is_replay=True)
    carrier = _check(
        claim,
        carrier_code=carrier_code,
        waybill_no=waybill_no,
        shipped_at=shipped_at,
        is_known=known is not None,
        is_replaced_unknown=replaces is not None and wrong is None,
        now=now,
    )
    if claim.status not in ON_ITS_WAY:
        raise AftersaleStateConflict(aftersale_no=aftersale_no, status=claim.status)
    if wrong is None:
        add_parcel(
            claim,
            RETURN,
            carrier=carrier,
            waybill_no=waybill_no,
            shipped_at=shipped_at or now,
            actor=by.name,
            now=now,
        )
        if by.side == Side.OPERATOR:
            record_change(
                action="enter_return_waybill",
                subject=claim,
                before={},
                after={"carrier": carrier.code, "waybill_no": waybill_no},
                actor=by.name,
                partner_id=claim.partner_id,
            )
    else:
        _correct(
            claim,
            wrong,
            carrier=carrier,
            waybill_no=waybill_no,
            shipped_at=shipped_at or wrong.shipped_at,
            by=by,
        )
    if claim.status == ClaimStatus.AWAITING_RETURN:
        move(claim, ClaimStatus.RETURN_SHIPPED, by=by, now=now)
    else:
        tell_again(claim, "aftersale.status_changed", now=now)
    return answer_with(claim.pk, status=200, replay=replay)


def _find_by_number(claim: Claim, waybill_no: str) -> ClaimParcel | None:
    """Of several carriers' parcels with one number the latest."""
    if not is_code(waybill_no):
        return None
    told = claim.parcels.select_related("carrier").filter(direction=RETURN, waybill_no=waybill_no)
    return told.order_by("-pk").first()


def _check(
    claim: Claim,
    *,
    carrier_code: str,
    waybill_no: str,
    shipped_at: datetime | None,
    is_known: bool,
    is_replaced_unknown: bool,
    now: datetime,
) -> Carrier:
    faults: list[DomainError] = []
    carrier = None
    try:
        carrier = require_carrier(carrier_code)
    except FieldInvalid as fault:
        faults.append(fault)
    try:
        require_waybill(waybill_no)
    except StringInvalid as fault:
        faults.append(fault)
    if is_known:
        faults.append(
            FieldInvalid(_("Another parcel of this claim has this number"), pointer="/waybill_no")
        )
    elif carrier is not None and _is_outbound(claim, carrier, waybill_no, shipped_at or now):
        faults.append(
            FieldInvalid(
                _(
                    "A parcel of yours went out under this number: name the one under which the"
                    " goods come back"
                ),
                pointer="/waybill_no",
            )
        )
    if shipped_at is not None and shipped_at > now + CLOCKS_DIFFER:
        faults.append(FieldInvalid(_("This moment is still to come"), pointer="/shipped_at"))
    if shipped_at is not None and shipped_at < claim.order.created_at:
        faults.append(FieldInvalid(_("This is before the order was placed"), pointer="/shipped_at"))
    if is_replaced_unknown:
        faults.append(
            FieldInvalid(_("No parcel of this claim has this number"), pointer="/replaces")
        )
    refuse_if(faults)
    assert carrier is not None  # noqa: S101 - for mypy: its absence is a fault
    return carrier


def _is_outbound(claim: Claim, carrier: Carrier, waybill_no: str, shipped_at: datetime) -> bool:
    """Whether a parcel of the partner went out under this number, which its carrier has not given
    again since: it would be followed as having come back the moment it is told.
    """
    if not is_code(waybill_no):
        return False
    since = max(shipped_at, claim.order.created_at) - NUMBER_IN_USE
    return Shipment.objects.filter(
        suborder__order__partner=claim.partner_id,
        carrier=carrier,
        waybill_no=waybill_no,
        shipped_at__gt=since,
    ).exists()


def _correct(
    claim: Claim,
    parcel: ClaimParcel,
    *,
    carrier: Carrier,
    waybill_no: str,
    shipped_at: datetime,
    by: Actor,
) -> None:
    before = {"carrier": parcel.carrier.code, "waybill_no": parcel.waybill_no}
    renumber_parcel(
        parcel, carrier=carrier, waybill_no=waybill_no, shipped_at=shipped_at, actor=by.name
    )
    record_change(
        action="change_return_waybill",
        subject=claim,
        before=before,
        after={"carrier": carrier.code, "waybill_no": waybill_no},
        actor=by.name,
        partner_id=claim.partner_id,
    )
