"""Claims follow their parcels: what connectors heard of one, the claim shows."""

from __future__ import annotations

from datetime import datetime

from aftersales.models import Claim, ClaimParcel
from aftersales.selectors.tracking import IS_OWN
from aftersales.services.transitions import tell_again
from aftersales.states import ClaimStatus
from openplatform.connectors.parcels import ParcelStatus
from openplatform.connectors.services.refreshing import GIVEN_UP_AFTER
from openplatform.connectors.services.watching import resume_parcel
from openplatform.core.locking import require_transaction
from openplatform.core.statements import send

# Until receipt; and of what was not accepted, until it has arrived.
IS_UNDER_WAY = """
    parcel.status NOT IN ('delivered', 'returned', 'lost') AND (
        parcel.direction = 'return' AND claim.status = 'return_shipped'
        OR parcel.direction = 'send_back' AND claim.status IN ('rejected', 'refunded')
    )
"""
FOLLOWING = f"""
    SELECT parcel.id, parcel.claim_id
    FROM aftersales_claimparcel parcel
    JOIN aftersales_claim claim ON claim.id = parcel.claim_id
    JOIN orders_carrier carrier ON carrier.id = parcel.carrier_id
    WHERE parcel.waybill_no = %(waybill_no)s AND carrier.code = %(carrier_code)s
        AND (%(since)s::timestamptz IS NULL OR parcel.shipped_at > %(since)s)
        AND {IS_OWN}
    ORDER BY parcel.claim_id, parcel.id
"""  # noqa: S608 - of constants
AWAITED = f"""
    SELECT parcel.id
    FROM aftersales_claimparcel parcel
    JOIN aftersales_claim claim ON claim.id = parcel.claim_id
    JOIN orders_carrier carrier ON carrier.id = parcel.carrier_id
    WHERE parcel.waybill_no = %s AND carrier.code = %s AND {IS_UNDER_WAY} AND {IS_OWN}
    LIMIT 1
"""  # noqa: S608 - of constants
UNWATCHED = f"""
    SELECT DISTINCT carrier.code, parcel.waybill_no
    FROM aftersales_claimparcel parcel
    JOIN aftersales_claim claim ON claim.id = parcel.claim_id
    JOIN orders_carrier carrier ON carrier.id = parcel.carrier_id
    LEFT JOIN connectors_trackedparcel tracked
        ON tracked.waybill_no = parcel.waybill_no AND tracked.carrier_code = carrier.code
    WHERE {IS_UNDER_WAY} AND {IS_OWN} AND parcel.created_at > clock_timestamp() - %(given_up)s
        AND (
            tracked.id IS NULL
            OR tracked.refresh_at IS NULL
                AND tracked.status NOT IN ('delivered', 'returned', 'lost')
                AND (tracked.counts_since IS NULL OR parcel.shipped_at > tracked.counts_since)
        )
"""  # noqa: S608 - of constants


def follow_claim_parcels(
    *,
    carrier_code: str,
    waybill_no: str,
    status: ParcelStatus,
    delivered_at: datetime | None,
    since: datetime | None,
    now: datetime,
) -> None:
    """Step: bring every claim's parcel with this waybill to where it is. Claims are locked, by
    ascending primary key; orders come after them.

    The merchant is told of a return on its way to us by ``aftersale.status_changed``. What is sent
    back is followed in silence, since the claim shows no more of it than its number; and what was
    received stays as it was then.

    :param since: as for shipments: parcels sent up to then are older ones that had the number.
    """
    require_transaction()
    named = {"carrier_code": carrier_code, "waybill_no": waybill_no, "since": since}
    claim_ids = {claim_id for _id, claim_id in send(FOLLOWING, named).rows()}
    if not claim_ids:
        return
    claims = {
        claim.pk: claim
        for claim in Claim.objects.filter(pk__in=claim_ids)
        .order_by("pk")
        .select_for_update(no_key=True)
    }
    # Once more under the locks: a number may have been corrected meanwhile.
    found = [pk for pk, claim_id in send(FOLLOWING, named).rows() if claim_id in claims]
    told = set()
    for parcel in ClaimParcel.objects.filter(pk__in=found):
        claim = claims[parcel.claim_id]
        is_return = parcel.direction == ClaimParcel.Direction.RETURN
        if is_return and claim.status != ClaimStatus.RETURN_SHIPPED:
            continue
        if _move(parcel, status, delivered_at, now) and is_return:
            told.add(claim.pk)
    for claim_id in sorted(told):
        tell_again(claims[claim_id], "aftersale.status_changed", now=now)


def awaits_claim_parcel(carrier_code: str, waybill_no: str) -> bool:
    """Whether goods of a claim are in this parcel, and on their way."""
    return send(AWAITED, [waybill_no, carrier_code]).row() is not None


def watch_claim_parcels() -> int:
    """Daily job: have parcels asked about that are under way and left alone; how many."""
    unwatched = send(UNWATCHED, {"given_up": GIVEN_UP_AFTER}).rows()
    for carrier_code, waybill_no in unwatched:
        resume_parcel(carrier_code=carrier_code, waybill_no=waybill_no)
    return len(unwatched)


def _move(
    parcel: ClaimParcel, status: ParcelStatus, delivered_at: datetime | None, now: datetime
) -> bool:
    """Whether the parcel was elsewhere, or handed over at another time."""
    if status == ParcelStatus.DELIVERED:
        delivered_at = delivered_at or parcel.delivered_at or now
    else:
        delivered_at = None
    if (parcel.status, parcel.delivered_at) == (status, delivered_at):
        return False
    parcel.status, parcel.delivered_at = status, delivered_at
    parcel.save(update_fields=["status", "delivered_at"])
    return True
