"""Where parcels are, as their carriers say: what follows for the parts that they hold."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from openplatform.audit.services.recording import record_change
from openplatform.connectors.parcels import TROUBLED, ParcelStatus
from openplatform.connectors.services.watching import watch_parcel
from openplatform.core.errors import NotFound
from openplatform.core.locking import require_transaction, transactional
from orders.errors import OrderStateConflict
from orders.models import Order, Shipment
from orders.services.arrival import postpone_receipt
from orders.services.progress import advance, lock_order, tell

ACTOR = "platform"
NUMBER_IN_USE = timedelta(days=30)  # carriers give their numbers again, but not so soon
WRITTEN_LATE = timedelta(days=1)  # what has left may be written down after it has arrived
# Each follows from the one before: whoever settled the first has settled the others.
WAY_BACK = (ParcelStatus.REFUSED, ParcelStatus.RETURNING, ParcelStatus.RETURNED)


def follow_parcel(
    *,
    carrier_code: str,
    waybill_no: str,
    status: ParcelStatus,
    delivered_at: datetime | None,
    since: datetime | None = None,
    now: datetime,
) -> list[str]:
    """Step: bring every shipment with this waybill to where the parcel is. One parcel may hold
    goods of several suborders, and of several orders.

    1. Lock the orders, by ascending primary key. 2. The shipments that differ. 3. States; one
    message an order: ``order.status_changed`` when a state changed, else ``shipment.updated``.

    The same again changes nothing and tells nobody.

    :param delivered_at: when it was handed over; None with a delivered parcel is ``now``.
    :param since: shipments sent up to then were in an older parcel that had the number, and stay
        as they are; None when there was none.
    :returns: the numbers of the shipments that changed.
    """
    require_transaction()
    with_waybill = Shipment.objects.filter(carrier__code=carrier_code, waybill_no=waybill_no)
    if since is not None:
        with_waybill = with_waybill.filter(shipped_at__gt=since)
    locked = list(
        Order.objects.filter(pk__in=with_waybill.values("suborder__order"))
        .order_by("pk")
        .select_for_update(no_key=True)
    )
    changed = []
    for order in locked:
        shipments = with_waybill.filter(suborder__order=order).order_by("pk")
        moved = [
            shipment.shipment_no
            for shipment in shipments
            if _move(shipment, status, delivered_at, now)
        ]
        if not moved:
            continue
        states = advance(order, actor=ACTOR, now=now)
        tell(order, [("order.status_changed", states) if states else ("shipment.updated", moved)])
        changed += moved
    return changed


@transactional
def settle_parcel(*, shipment_no: str, settlement: str, actor: str, now: datetime) -> Shipment:
    """A parcel in trouble that somebody has seen to: it leaves the queue and no longer stops the
    receipt of its part. Settled again, it stays as it was settled first.

    :raises NotFound: for an unknown shipment.
    :raises OrderStateConflict: when it is not in trouble.
    """
    known = Shipment.objects.filter(shipment_no=shipment_no).select_related("suborder").first()
    if known is None:
        raise NotFound(_("There is no shipment with this number"), shipment_no=shipment_no)
    order = lock_order(order_id=known.suborder.order_id)
    shipment = Shipment.objects.get(pk=known.pk)
    if shipment.troubled_at is None:
        raise OrderStateConflict(
            _("This parcel is not in trouble"), shipment_no=shipment_no, status=shipment.status
        )
    if shipment.settled_at is not None:
        return shipment
    shipment.settled_at, shipment.settlement = now, settlement
    shipment.save(update_fields=["settled_at", "settlement"])
    postpone_receipt(suborder_id=shipment.suborder_id, days=settings.RECEIPT_AFTER_DELIVERY_DAYS)
    record_change(
        action="settle_parcel",
        subject=shipment,
        before={"settlement": ""},
        after={"settlement": settlement, "status": shipment.status},
        actor=actor,
        partner_id=order.partner_id,
        reason=settlement,
    )
    return shipment


def carry_over(shipment: Shipment, *, now: datetime) -> None:
    """Step: put a shipment, whose waybill is new to it, where that parcel is known to be: it may
    hold goods of other suborders, too. Of an unknown parcel nothing is known yet, nor of one that
    had the number long before, or was handed over before this one was sent. From now on its
    provider is asked about it.
    """
    require_transaction()
    since = shipment.shipped_at - NUMBER_IN_USE
    sent_since = shipment.shipped_at - WRITTEN_LATE
    with_number = Shipment.objects.filter(
        carrier=shipment.carrier_id, waybill_no=shipment.waybill_no
    ).exclude(pk=shipment.pk)
    same_parcel = (
        with_number.filter(
            Q(delivered_at=None) | Q(delivered_at__gte=sent_since),
            shipped_at__gt=since,
            shipped_at__lt=shipment.shipped_at + NUMBER_IN_USE,
        )
        .order_by("-pk")
        .first()
    )
    if same_parcel is None:
        _move(shipment, ParcelStatus.PENDING, None, now)
    else:
        _move(shipment, ParcelStatus(same_parcel.status), same_parcel.delivered_at, now)
    watch_parcel(
        carrier_code=shipment.carrier.code,
        waybill_no=shipment.waybill_no,
        since=since,
        sent_since=sent_since,
        is_given_again=same_parcel is None and with_number.filter(shipped_at__lte=since).exists(),
    )


def _move(
    shipment: Shipment, status: ParcelStatus, delivered_at: datetime | None, now: datetime
) -> bool:
    """Whether the shipment was elsewhere, or handed over at another time."""
    if status == ParcelStatus.DELIVERED:
        delivered_at = delivered_at or shipment.delivered_at or now
    else:
        delivered_at = None
    if (shipment.status, shipment.delivered_at) == (status, delivered_at):
        return False
    before = ParcelStatus(shipment.status)
    shipment.status, shipment.delivered_at = status, delivered_at
    if before == ParcelStatus.DELIVERED != status:
        # Its part stays delivered, but is not to be received while this is on its way.
        postpone_receipt(
            suborder_id=shipment.suborder_id, days=settings.RECEIPT_AFTER_SHIPMENT_DAYS
        )
    if status in TROUBLED:
        if shipment.settled_at is not None and not _follows(before, status):
            shipment.troubled_at, shipment.settled_at, shipment.settlement = None, None, ""
        shipment.troubled_at = shipment.troubled_at or now
    elif shipment.troubled_at is not None:
        # What comes next is trouble of its own, whatever was settled before; the trail has it.
        shipment.troubled_at, shipment.settled_at, shipment.settlement = None, None, ""
        postpone_receipt(
            suborder_id=shipment.suborder_id, days=settings.RECEIPT_AFTER_DELIVERY_DAYS
        )
    shipment.save(
        update_fields=["status", "delivered_at", "troubled_at", "settled_at", "settlement"]
    )
    return True


def _follows(before: ParcelStatus, status: ParcelStatus) -> bool:
    """Whether trouble is the same as before, or what comes of it when all goes its way."""
    if before in WAY_BACK and status in WAY_BACK:
        return WAY_BACK.index(before) <= WAY_BACK.index(status)
    return before == status
