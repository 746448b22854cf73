"""Shipments: parcels that left a warehouse, a row for a suborder and a waybill."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from django.utils.translation import gettext_lazy as _

from catalog.imports.lookups import Repeats
from openplatform.connectors.services.watching import hold_parcels
from openplatform.core.errors import DomainError, StringInvalid
from openplatform.core.statements import send
from openplatform.imports.errors import CellInvalid
from openplatform.imports.parsers import parse_code, parse_time
from openplatform.imports.resources import Column, Context, Importer, Resource, Row
from orders.models import Carrier, Shipment, ShipmentLine, WaybillChange
from orders.services.shipping import add_shipment

Parcel = tuple[str, str, str]

# What the export of what is to be shipped says beside, for people.
READABLE = (
    "warehouse", "partner", "merchant_order_no", "paid_at", "goods", "consignee", "phone",
    "address", "remark",
)  # fmt: skip
PART = re.compile(r"([0-9]{1,6}):([0-9]{1,7})", re.ASCII)
MAX_LINES = 1000

# Every order first, then every stock row that its parcels may take from, then what is known of
# these parcels: the order of docs/locking.md, kept over the whole file.
LOCK_ORDERS = """
    SELECT id FROM orders_order
    WHERE id IN (SELECT order_id FROM orders_suborder WHERE order_no = ANY(%s::text[]))
    ORDER BY id FOR NO KEY UPDATE
"""
LOCK_STOCK = """
    SELECT id FROM catalog_stock
    WHERE (sku_id, warehouse_id) IN (
        SELECT line.sku_id, part.warehouse_id
        FROM orders_suborder part JOIN orders_orderline line ON line.suborder_id = part.id
        WHERE part.order_no = ANY(%s::text[])
    )
    ORDER BY id FOR NO KEY UPDATE
"""


def parse_waybill(text: str) -> str:
    """A waybill number. What a spreadsheet makes of a long number (``7.6E+14``) is none."""
    try:
        return parse_code(text)
    except CellInvalid as fault:
        raise CellInvalid(
            _("A waybill number is 1 to 64 letters, digits, dots, hyphens or underscores"),
            StringInvalid,
        ) from fault


def parse_quantities(text: str) -> dict[int, int]:
    """Units by line number, of ``1:3 2:1``. The apostrophe, by which the export keeps a spreadsheet
    from reading a time of day, may stand before them.
    """
    parts = text.removeprefix("'").split()
    quantities: dict[int, int] = {}
    for part in parts:
        match = PART.fullmatch(part)
        if match is None or not int(match[2]):
            raise CellInvalid(_("Lines are written as line_no:quantity, like 1:3 2:1"))
        quantities[int(match[1])] = int(match[2])
    if len(quantities) < len(parts) or len(parts) > MAX_LINES:
        raise CellInvalid(_("A line stands here twice, or there are too many"))
    return quantities


def ignore(text: str) -> None:
    """Nothing, of a cell that is there for people."""


class ShipmentImporter(Importer):
    """Holds all rows and ships at the end: everything is locked in one order, so that two files at
    once cannot deadlock, and not longer than the writing takes, since orders wait for stock."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._repeats = Repeats()
        self._rows: list[Row] = []

    def take(self, rows: Sequence[Row]) -> None:
        self._rows += [
            row for row in rows if not self._repeats.refuse(self, row, "waybill_no", _parcel(row))
        ]

    def finish(self) -> None:
        suborder_nos = sorted({row.values["order_no"] for row in self._rows})
        send(LOCK_ORDERS, [suborder_nos]).rows()
        send(LOCK_STOCK, [suborder_nos]).rows()
        known = _list_known(suborder_nos)
        self._hold_parcels(known)
        for row in self._rows:
            if (contents := known.get(_parcel(row))) is None:
                self._ship(row)
            elif row.get("lines") in (None, contents):
                self.context.count(unchanged=1)
            else:
                self.refuse(row, "lines", _("This parcel is known, with other contents"))

    def _hold_parcels(self, known: Mapping[Parcel, object]) -> None:
        carriers = set(Carrier.objects.values_list("code", flat=True))
        new = {_parcel(row) for row in self._rows} - set(known)
        hold_parcels({(carrier, waybill) for _no, carrier, waybill in new if carrier in carriers})

    def _ship(self, row: Row) -> None:
        suborder_no, carrier_code, waybill_no = _parcel(row)
        try:
            add_shipment(
                suborder_no=suborder_no,
                carrier_code=carrier_code,
                waybill_no=waybill_no,
                quantities=row.get("lines"),
                shipped_at=row.get("shipped_at") or self.context.now,
                actor=self.context.actor,
                now=self.context.now,
            )
        except DomainError as error:
            self.context.faults.add_error(row.number, error)
        else:
            self.context.count(created=1)


def _parcel(row: Row) -> Parcel:
    return (row.values["order_no"], row.values["carrier"], row.values["waybill_no"])


def _list_known(suborder_nos: Collection[str]) -> dict[Parcel, dict[int, int]]:
    """What is in the parcels of these suborders, by their waybills and by those that they had: a
    file that comes again after a number was corrected ships nothing twice.
    """
    shipments = Shipment.objects.filter(suborder__order_no__in=suborder_nos)
    contents: dict[int, dict[int, int]] = {}
    for shipment_id, line_no, quantity in ShipmentLine.objects.filter(
        shipment__in=shipments
    ).values_list("shipment_id", "line__line_no", "quantity"):
        contents.setdefault(shipment_id, {})[line_no] = quantity
    former = WaybillChange.objects.filter(shipment__in=shipments).values_list(
        "shipment__suborder__order_no", "from_carrier__code", "from_waybill_no", "shipment_id"
    )
    present = shipments.values_list("suborder__order_no", "carrier__code", "waybill_no", "id")
    return {
        (order_no, carrier, waybill_no): contents[shipment_id]
        for order_no, carrier, waybill_no, shipment_id in (*former, *present)
    }


SHIPMENTS = Resource(
    name="shipments",
    label=_("Shipments"),
    columns=(
        Column("order_no", parse_code, is_required=True, help=_("Number of the suborder")),
        Column("carrier", parse_code, is_required=True, help=_("Code of the carrier")),
        Column(
            "waybill_no",
            parse_waybill,
            is_required=True,
            help=_("Waybill number; write it as text, so that no digit is lost"),
        ),
        Column(
            "lines",
            parse_quantities,
            help=_(
                "What is in the parcel, as line_no:quantity, like 1:3 2:1; empty: all that is left"
            ),
        ),
        Column("shipped_at", parse_time, help=_("When it left, like 2026-01-31 08:00; empty: now")),
        *(Column(name, ignore, help=_("For people; not read")) for name in READABLE),
    ),
    filled_in=("carrier", "waybill_no"),
    importer=ShipmentImporter,
    permissions=("orders.add_shipment", "orders.change_suborder"),
)
