"""Steps for parcels of claims: goods on their way back to us or, rejected, once more from us."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from aftersales.models import Claim, ClaimParcel
from aftersales.selectors.tracking import IS_OWN
from openplatform.connectors.parcels import ParcelStatus
from openplatform.connectors.services.watching import watch_parcel
from openplatform.core.errors import FieldInvalid, StringInvalid, TooManyItems
from openplatform.core.locking import require_transaction
from openplatform.core.statements import send
from openplatform.imports.errors import CellInvalid
from openplatform.imports.parsers import parse_code
from orders.models import Carrier, Shipment
from orders.services.parcel_progress import NUMBER_IN_USE, WRITTEN_LATE

MAX_PARCELS = 20  # of a claim, in each direction

OWN = f"""
    SELECT parcel.id FROM aftersales_claimparcel parcel
    JOIN aftersales_claim claim ON claim.id = parcel.claim_id
    WHERE parcel.id = %s AND {IS_OWN}
"""  # noqa: S608 - of constants


def require_carrier(code: str) -> Carrier:
    """:raises FieldInvalid: when no carrier in use has this code."""
    carrier = None
    if is_code(code):
        carrier = Carrier.objects.filter(code=code, is_active=True).first()
    if carrier is None:
        raise FieldInvalid(_("There is no such carrier in use"), pointer="/carrier")
    return carrier


def require_waybill(waybill_no: str) -> None:
    """As in the files that warehouses send.

    :raises StringInvalid: for anything but 1 to 64 letters, digits, dots, hyphens, underscores.
    """
    if not is_code(waybill_no):
        raise StringInvalid(
            _("A waybill number is 1 to 64 letters, digits, dots, hyphens or underscores"),
            pointer="/waybill_no",
        )


def is_code(text: str) -> bool:
    """Whether a carrier or a parcel could be called so; what could not is never looked for."""
    try:
        parse_code(text)
    except CellInvalid:
        return False
    return True


def find_parcel(
    claim: Claim, direction: ClaimParcel.Direction, *, carrier_code: str, waybill_no: str
) -> ClaimParcel | None:
    """The parcel of a claim with this carrier and number."""
    if not (is_code(carrier_code) and is_code(waybill_no)):
        return None
    return claim.parcels.filter(
        direction=direction, carrier__code=carrier_code, waybill_no=waybill_no
    ).first()


def add_parcel(
    claim: Claim,
    direction: ClaimParcel.Direction,
    *,
    carrier: Carrier,
    waybill_no: str,
    shipped_at: datetime,
    actor: str,
    now: datetime,
) -> ClaimParcel:
    """Step: a parcel more, which is asked about from now on.

    :raises TooManyItems: for the 21st of a claim.
    """
    require_transaction()
    if claim.parcels.filter(direction=direction).count() >= MAX_PARCELS:
        raise TooManyItems(pointer="/waybill_no", maximum=MAX_PARCELS)
    parcel = ClaimParcel.objects.create(
        claim=claim,
        direction=direction,
        carrier=carrier,
        waybill_no=waybill_no,
        shipped_at=shipped_at,
        actor=actor,
        created_at=now,
    )
    _watch(parcel)
    return parcel


def renumber_parcel(
    parcel: ClaimParcel, *, carrier: Carrier, waybill_no: str, shipped_at: datetime, actor: str
) -> None:
    """Step: a parcel whose number was wrong; where it is starts anew."""
    require_transaction()
    parcel.carrier, parcel.waybill_no = carrier, waybill_no
    parcel.shipped_at, parcel.actor = shipped_at, actor
    parcel.status, parcel.delivered_at = ParcelStatus.PENDING, None
    parcel.save(
        update_fields=[
            "carrier", "waybill_no", "shipped_at", "actor", "status", "delivered_at",
        ]
    )  # fmt: skip
    _watch(parcel)


def _watch(parcel: ClaimParcel) -> None:
    """As for shipments: what is known of an older parcel with this number does not count."""
    if send(OWN, [parcel.pk]).row() is None:
        return
    since = parcel.shipped_at - NUMBER_IN_USE
    older = {"carrier": parcel.carrier_id, "waybill_no": parcel.waybill_no}
    watch_parcel(
        carrier_code=parcel.carrier.code,
        waybill_no=parcel.waybill_no,
        since=since,
        sent_since=parcel.shipped_at - WRITTEN_LATE,
        is_given_again=(
            Shipment.objects.filter(**older, shipped_at__lte=since).exists()
            or ClaimParcel.objects.filter(**older, shipped_at__lte=since)
            .exclude(pk=parcel.pk)
            .exists()
        ),
    )
