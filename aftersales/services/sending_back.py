"""Goods that inspection did not accept go back to their merchant."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from aftersales.errors import AftersaleStateConflict
from aftersales.models import Claim, ClaimParcel
from aftersales.services.parcels import (
    add_parcel,
    find_parcel,
    require_carrier,
    require_waybill,
)
from aftersales.services.transitions import Actor, lock_claim, tell_again
from aftersales.states import ClaimStatus
from openplatform.audit.services.recording import record_change
from openplatform.core.errors import FieldInvalid
from openplatform.core.locking import transactional
from orders.models import Carrier, Shipment
from orders.services.parcel_progress import NUMBER_IN_USE

INSPECTED = (ClaimStatus.REJECTED, ClaimStatus.REFUNDED)
SEND_BACK = ClaimParcel.Direction.SEND_BACK


@transactional
def send_back(
    *, aftersale_no: str, carrier_code: str, waybill_no: str, by: Actor, now: datetime
) -> Claim:
    """The claim, what was not accepted of it on its way back; its merchant is told the waybill by
    ``aftersale.status_changed``, though the state stays. The same parcel again changes nothing,
    another one is one more, and the one that the claim shows.

    :raises NotFound: when there is no such claim.
    :raises AftersaleStateConflict: unless its goods were inspected, and some not accepted.
    :raises FieldInvalid: for a carrier that is not in use, and the number of a parcel that came
        back with a claim or went out with an order.
    :raises StringInvalid: for a malformed number.
    :raises TooManyItems: for the 21st parcel.
    """
    claim = lock_claim(aftersale_no=aftersale_no)
    known = find_parcel(claim, SEND_BACK, carrier_code=carrier_code, waybill_no=waybill_no)
    if known is not None:
        return claim
    if not has_goods_to_send_back(claim):
        raise AftersaleStateConflict(
            _("None of its goods are to be sent back"),
            aftersale_no=aftersale_no,
            status=claim.status,
        )
    require_waybill(waybill_no)
    carrier = require_carrier(carrier_code)
    _require_new(carrier, waybill_no, now=now)
    add_parcel(
        claim,
        SEND_BACK,
        carrier=carrier,
        waybill_no=waybill_no,
        shipped_at=now,
        actor=by.name,
        now=now,
    )
    tell_again(claim, "aftersale.status_changed", now=now)
    record_change(
        action="send_back",
        subject=claim,
        before={},
        after={"carrier": carrier_code, "waybill_no": waybill_no},
        actor=by.name,
        partner_id=claim.partner_id,
    )
    return claim


def _require_new(carrier: Carrier, waybill_no: str, *, now: datetime) -> None:
    """Of parcels that carriers gave their numbers to lately. Goods of several claims may go back in
    one parcel, so another claim's number of that way is none of a mistake.

    :raises FieldInvalid: when another parcel than one that goes back to a merchant has the number.
    """
    same = {"carrier": carrier, "waybill_no": waybill_no, "shipped_at__gt": now - NUMBER_IN_USE}
    if ClaimParcel.objects.filter(direction=ClaimParcel.Direction.RETURN, **same).exists():
        text = _("Goods of a claim came back under this number: name the one of the new parcel")
        raise FieldInvalid(text, pointer="/waybill_no")
    if Shipment.objects.filter(**same).exists():
        text = _("An order was shipped under this number: name the one of the new parcel")
        raise FieldInvalid(text, pointer="/waybill_no")


def has_goods_to_send_back(claim: Claim) -> bool:
    """Whether units were inspected and not accepted."""
    return (
        claim.status in INSPECTED
        and claim.lines.filter(received_quantity__gt=F("accepted_quantity")).exists()
    )
