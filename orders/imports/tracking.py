"""Tracking: what happened to parcels, told by a file where no provider tells it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from openplatform.connectors.parcels import ParcelStatus
from openplatform.connectors.providers.base import AHEAD, EventDraft
from openplatform.connectors.services.recording import find_parcels, record_events
from openplatform.connectors.services.watching import hold_parcels
from openplatform.imports.parsers import choice_of, parse_code, parse_time, text_of
from openplatform.imports.resources import Column, Context, Importer, Resource, Row
from orders.imports.shipments import parse_waybill
from orders.models import Shipment

MAX_TEXT = 300
MAX_PLACE = 100

Parcel = tuple[str, str]


class TrackingImporter(Importer):
    """Gathers the events of each parcel, and writes them parcel by parcel in the end. The orders
    follow in the background, as they do when a provider tells."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._events: dict[Parcel, list[EventDraft]] = defaultdict(list)
        self._rows = 0

    def take(self, rows: Sequence[Row]) -> None:
        carriers = _list_carriers({row.values["waybill_no"] for row in rows})
        for row in rows:
            parcel = self._find(row, carriers)
            if row.values["at"] > self.context.now + AHEAD:
                self.refuse(row, "at", _("This has not happened yet"))
            elif parcel is not None:
                self._rows += 1
                self._events[parcel].append(_event_of(row))

    def finish(self) -> None:
        if self.context.faults.count:
            return
        created = 0
        known = hold_parcels(self._events)
        for parcel in sorted(self._events, key=lambda parcel: known[parcel]):
            created += record_events(
                parcel_id=known[parcel],
                events=self._events[parcel],
                provider_id=None,
                now=self.context.now,
            )
        self.context.count(created=created, unchanged=self._rows - created)

    def _find(self, row: Row, carriers: dict[str, set[str]]) -> Parcel | None:
        waybill_no, wanted = row.values["waybill_no"], row.get("carrier")
        found = carriers.get(waybill_no, set())
        if wanted is not None:
            found = found & {wanted}
        if not found:
            self.refuse(row, "waybill_no", _("No parcel was sent under this number"))
            return None
        if len(found) > 1:
            text = _("Several carriers use this number: name one of %(codes)s in carrier")
            self.refuse(row, "carrier", text % {"codes": ", ".join(sorted(found))})
            return None
        return next(iter(found)), waybill_no


def _event_of(row: Row) -> EventDraft:
    return EventDraft(
        at=row.values["at"],
        status=ParcelStatus(row.values["status"]),
        text=row.values["text"],
        place=row.get("place") or "",
    )


def _list_carriers(waybill_nos: set[str]) -> dict[str, set[str]]:
    """Carriers by waybill number, of what was sent and of what is tracked."""
    carriers: dict[str, set[str]] = defaultdict(set)
    for carrier_code, waybill_no in find_parcels(waybill_nos=waybill_nos):
        carriers[waybill_no].add(carrier_code)
    sent = Shipment.objects.filter(waybill_no__in=waybill_nos)
    for carrier_code, waybill_no in sent.values_list("carrier__code", "waybill_no").distinct():
        carriers[waybill_no].add(carrier_code)
    return carriers


TRACKING = Resource(
    name="tracking",
    label=_("Tracking"),
    columns=(
        Column("waybill_no", parse_waybill, is_required=True, help=_("Waybill number of a parcel")),
        Column(
            "at", parse_time, is_required=True, help=_("When it happened, like 2026-01-31 08:00")
        ),
        Column(
            "status",
            choice_of(*ParcelStatus.values),
            is_required=True,
            help=_("One of: %(choices)s") % {"choices": ", ".join(ParcelStatus.values)},
        ),
        Column("text", text_of(MAX_TEXT), is_required=True, help=_("What happened, in words")),
        Column("place", text_of(MAX_PLACE), help=_("Where it happened")),
        Column(
            "carrier",
            parse_code,
            help=_("Code of the carrier, where several use the same waybill number"),
        ),
    ),
    importer=TrackingImporter,
    permissions=("orders.add_shipment", "orders.change_suborder"),
)
