"""Orders follow their parcels: what connectors heard of one, its shipments are told."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.db import Error
from django.db.models.functions import Now

from openplatform.connectors.models import TrackedParcel
from openplatform.connectors.parcels import FINAL, ParcelStatus
from openplatform.connectors.services.refreshing import GIVEN_UP_AFTER
from openplatform.connectors.services.watching import resume_parcel
from openplatform.core import clock
from openplatform.core.errors import DomainError
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from orders.models import Shipment
from orders.services.parcel_progress import follow_parcel
from orders.states import SuborderStatus

BATCH = 50
UNDER_WAY = (SuborderStatus.PARTLY_SHIPPED, SuborderStatus.SHIPPED)
PUT_OFF_MINUTES = 5

# Only if it is still where it was when its orders followed; else it is followed again.
FOLLOWED = """
    UPDATE connectors_trackedparcel SET follow_at = NULL
    WHERE id = %s AND version = %s
    RETURNING id
"""
PUT_OFF = """
    UPDATE connectors_trackedparcel
    SET follow_at = clock_timestamp() + make_interval(mins => %s)
    WHERE id = %s AND version = %s
"""
UNWATCHED = """
    SELECT DISTINCT carrier.code, shipment.waybill_no
    FROM orders_shipment shipment
    JOIN orders_carrier carrier ON carrier.id = shipment.carrier_id
    JOIN orders_suborder part ON part.id = shipment.suborder_id
    LEFT JOIN connectors_trackedparcel parcel
        ON parcel.waybill_no = shipment.waybill_no AND parcel.carrier_code = carrier.code
    WHERE part.status IN ('partly_shipped', 'shipped')
        AND shipment.status NOT IN ('delivered', 'returned', 'lost')
        AND (
            parcel.id IS NULL
            OR parcel.refresh_at IS NULL
                AND parcel.status NOT IN ('delivered', 'returned', 'lost')
                AND parcel.created_at > clock_timestamp() - %s
                AND (parcel.counts_since IS NULL OR shipment.shipped_at > parcel.counts_since)
        )
"""

# Named arguments: those of `follow_parcel`.
Follower = Callable[..., object]

log = structlog.get_logger(__name__)

_followers: list[Follower] = []


class _MovedOn(Exception):
    """The parcel came further while its orders followed."""


def register_follower(follower: Follower) -> None:
    """Have a step follow each parcel that changed, ahead of orders: what an app above locks comes
    before orders.
    """
    if follower not in _followers:
        _followers.append(follower)


def follow_changed_parcels() -> int:
    """Loop: have orders follow the parcels that changed, up to 50; how many followed.

    Any number of workers may run: what is followed twice changes nothing the second time, and
    what was overtaken meanwhile is taken back. One that cannot be followed is put off.

    :raises Error: the last fault of the database, once every other parcel has had its turn.
    """
    followed, fault = 0, None
    due = TrackedParcel.objects.filter(follow_at__lte=Now()).order_by("follow_at")
    for parcel in due[:BATCH]:
        try:
            _follow(parcel)
        except _MovedOn:
            continue
        except (Error, DomainError) as error:
            # One that cannot be followed must not keep the others waiting.
            log.error("parcel_not_followed", parcel=str(parcel), error=str(error))
            send(PUT_OFF, [PUT_OFF_MINUTES, parcel.pk, parcel.version])
            fault = error if isinstance(error, Error) else fault
            continue
        followed += 1
    if fault is not None:
        raise fault
    return followed


def awaits_parcel(carrier_code: str, waybill_no: str) -> bool:
    """Whether goods of an order that is under way are in this parcel."""
    return (
        Shipment.objects.filter(
            carrier__code=carrier_code, waybill_no=waybill_no, suborder__status__in=UNDER_WAY
        )
        .exclude(status__in=FINAL)
        .exists()
    )


def watch_open_parcels() -> int:
    """Daily job: have parcels asked about that are under way and left alone; how many."""
    unwatched = send(UNWATCHED, [GIVEN_UP_AFTER]).rows()
    for carrier_code, waybill_no in unwatched:
        resume_parcel(carrier_code=carrier_code, waybill_no=waybill_no)
    return len(unwatched)


@transactional
def _follow(parcel: TrackedParcel) -> None:
    now = clock.now()
    for follow in (*_followers, follow_parcel):
        follow(
            carrier_code=parcel.carrier_code,
            waybill_no=parcel.waybill_no,
            status=ParcelStatus(parcel.status),
            delivered_at=parcel.delivered_at,
            since=parcel.counts_since,
            now=now,
        )
    if send(FOLLOWED, [parcel.pk, parcel.version]).row() is None:
        raise _MovedOn
