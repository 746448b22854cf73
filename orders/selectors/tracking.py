"""Where a merchant's parcels are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from openplatform.connectors.models import TrackedParcel
from openplatform.connectors.parcels import FINAL
from openplatform.connectors.services.health import get_interval
from openplatform.connectors.services.recording import list_events
from openplatform.connectors.services.watching import hasten_refresh, know_parcel
from openplatform.core import clock
from openplatform.core.errors import FieldRequired, NotFound
from openplatform.core.statements import send

# The latest parcels of the partner with this number, each carrier and waybill once. An own
# shipment's number names its parcel; other merchants' goods in it do not show. A shipment in an
# older parcel, whose number was given again, stands for itself: behind that of today.
FIND = """
    SELECT DISTINCT ON (carrier.code, shipment.waybill_no)
        carrier.code, carrier.name, shipment.waybill_no,
        array_agg(shipment.shipment_no ORDER BY shipment.id), past.status, past.delivered_at
    FROM orders_shipment shipment
    JOIN orders_suborder part ON part.id = shipment.suborder_id
    JOIN orders_order "order" ON "order".id = part.order_id
    JOIN orders_carrier carrier ON carrier.id = shipment.carrier_id
    LEFT JOIN connectors_trackedparcel parcel
        ON parcel.waybill_no = shipment.waybill_no AND parcel.carrier_code = carrier.code
    LEFT JOIN orders_shipment past
        ON past.id = shipment.id AND past.shipped_at <= parcel.counts_since
    WHERE "order".partner_id = %(partner_id)s
        AND (shipment.shipment_no = %(number)s OR shipment.waybill_no = %(number)s)
        AND (%(carrier)s::text IS NULL OR carrier.code = %(carrier)s)
    GROUP BY carrier.code, carrier.name, shipment.waybill_no, past.id
    ORDER BY carrier.code, shipment.waybill_no, past.id DESC NULLS FIRST
    LIMIT 20
"""
MAX_FOUND = 20
DEFAULT_INTERVAL = 1800  # seconds after which an answer counts as stale when nobody can be asked


@dataclass(frozen=True, slots=True)
class FoundParcel:
    """A parcel of a partner. With ``past_status`` its number stands for another parcel by now, and
    this is all that is known of it.
    """

    carrier_code: str
    carrier_name: str
    waybill_no: str
    shipment_nos: list[str]
    past_status: str | None
    past_delivered_at: datetime | None


# Named arguments: partner_id, number, carrier_code (None: of any carrier).
Finder = Callable[..., Sequence[FoundParcel]]

_finders: list[Finder] = []


def register_finder(finder: Finder) -> None:
    """Have parcels found that are no shipments: those that an app above knows of."""
    if finder not in _finders:
        _finders.append(finder)


def get_tracking_document(
    *, partner_id: int, number: str, carrier_code: str | None
) -> dict[str, Any]:
    """``GET /shipments/{number}/tracking``, by waybill or shipment number, what
    apps above send and await included.

    Nobody is asked while the caller waits: it is what was heard last. When that is stale, the
    worker asks next, at most once within the provider's interval however often this is called.

    :raises NotFound: when the partner has no such parcel.
    :raises FieldRequired: when several carriers have a parcel with this number.
    """
    found = _find(partner_id, number, carrier_code)
    if not found:
        raise NotFound
    if len(found) > 1:
        raise FieldRequired(pointer="?carrier", carriers=[one.carrier_code for one in found])
    [one] = found
    head = {
        "carrier": {"code": one.carrier_code, "name": one.carrier_name},
        "waybill_no": one.waybill_no,
        "shipment_nos": one.shipment_nos,
    }
    if one.past_status is not None:  # what is heard by now is of a parcel of somebody else
        return {
            **head,
            "status": one.past_status,
            "delivered_at": clock.to_text(one.past_delivered_at),
            "events": [],
            "as_of": None,
            "is_stale": False,
        }
    parcel = _get_parcel(one.carrier_code, one.waybill_no)
    interval = get_interval(carrier_code=one.carrier_code)
    is_stale = _is_stale(parcel, interval or DEFAULT_INTERVAL)
    if is_stale and interval is not None:
        hasten_refresh(parcel_id=parcel.pk, interval_seconds=interval)
    return {
        **head,
        "status": parcel.status,
        "delivered_at": clock.to_text(parcel.delivered_at),
        "events": [
            {
                "at": clock.to_text(event.at),
                "place": event.place or None,
                "text": event.text,
                "status": event.status,
            }
            for event in list_events(parcel)
        ],
        "as_of": clock.to_text(parcel.as_of),
        "is_stale": is_stale,
    }


def _find(partner_id: int, number: str, carrier_code: str | None) -> list[FoundParcel]:
    """Each carrier and waybill once: a shipment before what an app above knows by its number."""
    rows = send(FIND, {"partner_id": partner_id, "number": number, "carrier": carrier_code}).rows()
    found = [FoundParcel(*row) for row in rows]
    for finder in _finders:
        known = {(one.carrier_code, one.waybill_no) for one in found}
        more = finder(partner_id=partner_id, number=number, carrier_code=carrier_code)
        found += [one for one in more if (one.carrier_code, one.waybill_no) not in known]
    return found[:MAX_FOUND]


def _get_parcel(carrier_code: str, waybill_no: str) -> TrackedParcel:
    known = TrackedParcel.objects.filter(carrier_code=carrier_code, waybill_no=waybill_no)
    parcel = known.first()
    if parcel is None:  # sent before anybody was asked
        know_parcel(carrier_code=carrier_code, waybill_no=waybill_no)
        parcel = known.get()
    return parcel


def _is_stale(parcel: TrackedParcel, interval: int) -> bool:
    """Whether more may be known by now than we were told."""
    if parcel.status in FINAL:
        return False
    if parcel.as_of is None:
        return True
    return (clock.now() - parcel.as_of).total_seconds() > interval
