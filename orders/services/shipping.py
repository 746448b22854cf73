"""Goods leave the warehouse, and their parcels may go on under other numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from catalog.services import stock
from openplatform.audit.services.recording import record_change
from openplatform.core.errors import FieldInvalid, NotFound
from openplatform.core.identifiers import dated_no
from openplatform.core.locking import require_transaction, transactional
from orders.changes import ALL_CLAIMED, has_left
from orders.errors import OrderStateConflict, QuantityExceedsOrdered
from orders.models import (
    Carrier,
    Order,
    OrderLine,
    Shipment,
    ShipmentLine,
    Suborder,
    WaybillChange,
)
from orders.services.parcel_progress import carry_over
from orders.services.progress import advance, lock_order, tell
from orders.states import SuborderStatus

SHIPPABLE = (SuborderStatus.AWAITING_SHIPMENT, SuborderStatus.PARTLY_SHIPPED)


@transactional
def ship_suborder(
    *,
    suborder_no: str,
    carrier_code: str,
    waybill_no: str,
    quantities: Mapping[int, int] | None = None,
    shipped_at: datetime,
    actor: str,
    now: datetime,
) -> Shipment:
    """A parcel of a suborder; see :func:`add_shipment`. A member of staff sent it."""
    before = Suborder.objects.filter(order_no=suborder_no).first()
    known: set[int] = set()
    if before is not None:
        order = Order.objects.select_for_update(no_key=True).get(pk=before.order_id)
        before.refresh_from_db()
        known = set(before.shipments.values_list("pk", flat=True))
    shipment = add_shipment(
        suborder_no=suborder_no,
        carrier_code=carrier_code,
        waybill_no=waybill_no,
        quantities=quantities,
        shipped_at=shipped_at,
        actor=actor,
        now=now,
    )
    if before is not None and shipment.pk not in known:
        record_change(
            action="ship_suborder",
            subject=before,
            before={"status": before.status},
            after={
                "status": Suborder.objects.values_list("status", flat=True).get(pk=before.pk),
                "shipment_no": shipment.shipment_no,
                "carrier": carrier_code,
                "waybill_no": waybill_no,
            },
            actor=actor,
            partner_id=order.partner_id,
        )
    return shipment


@transactional
def change_waybill(
    *,
    shipment_no: str,
    carrier_code: str,
    waybill_no: str,
    reason: str,
    actor: str,
    now: datetime,
) -> WaybillChange | None:
    """A shipment goes on under another number or with another carrier; what it was before is kept.
    Where it is starts anew, or is that of the parcel which this number is known for.

    1. Lock the order. 2. Check the carrier, and that no other parcel of the suborder has the
    number. 3. Shipment and history, states, messages.

    :returns: what changed; None when it goes under this very number already.
    :raises NotFound: for an unknown shipment, or a carrier that is not in use.
    :raises FieldInvalid: when another parcel of the same suborder has this number.
    """
    known = Shipment.objects.filter(shipment_no=shipment_no).select_related("suborder").first()
    if known is None:
        raise NotFound(_("There is no shipment with this number"), shipment_no=shipment_no)
    order = lock_order(order_id=known.suborder.order_id)
    shipment = Shipment.objects.select_related("carrier").get(pk=known.pk)
    if (shipment.carrier.code, shipment.waybill_no) == (carrier_code, waybill_no):
        return None
    carrier = Carrier.objects.filter(code=carrier_code).first()
    if carrier is None or not (carrier.is_active or carrier == shipment.carrier):
        raise NotFound(
            _("There is no such carrier in use"), pointer="/carrier", carrier=carrier_code
        )
    with_number = Shipment.objects.filter(carrier=carrier, waybill_no=waybill_no)
    if with_number.filter(suborder=shipment.suborder_id).exists():
        raise FieldInvalid(
            _("Another parcel of this suborder has this number"), pointer="/waybill_no"
        )
    change = WaybillChange.objects.create(
        shipment=shipment,
        from_carrier=shipment.carrier,
        from_waybill_no=shipment.waybill_no,
        to_carrier=carrier,
        to_waybill_no=waybill_no,
        reason=reason,
        actor=actor,
        created_at=now,
    )
    shipment.carrier, shipment.waybill_no = carrier, waybill_no
    shipment.save(update_fields=["carrier", "waybill_no"])
    carry_over(shipment, now=now)
    record_change(
        action="change_waybill",
        subject=shipment,
        before={"carrier": change.from_carrier.code, "waybill_no": change.from_waybill_no},
        after={"carrier": carrier_code, "waybill_no": waybill_no},
        actor=actor,
        partner_id=order.partner_id,
        reason=reason,
    )
    _tell_of(order, "shipment.updated", shipment, actor=actor, now=now)
    return change


def add_shipment(
    *,
    suborder_no: str,
    carrier_code: str,
    waybill_no: str,
    quantities: Mapping[int, int] | None = None,
    shipped_at: datetime,
    actor: str,
    now: datetime,
) -> Shipment:
    """Step: a parcel. ``quantities`` maps line numbers to units; None is all that is left.

    The same parcel again (suborder, carrier, waybill) is the shipment that there is.

    1. Lock the order. 2. Check state and quantities. 3. Stock, shipment, states, messages.

    :raises NotFound: for an unknown suborder or carrier.
    :raises OrderStateConflict: unless the suborder is paid and not wholly shipped; or when open
        claims stop all that is left of it.
    :raises QuantityExceedsOrdered: for more units than are left.
    :raises FieldInvalid: for a line of another suborder, or nothing at all.
    """
    require_transaction()
    part = Suborder.objects.filter(order_no=suborder_no).first()
    if part is None:
        raise NotFound(
            _("There is no suborder with this number"), pointer="/order_no", order_no=suborder_no
        )
    order = Order.objects.select_for_update(no_key=True).get(pk=part.order_id)
    part.refresh_from_db()
    carrier = Carrier.objects.filter(code=carrier_code).first()
    known = Shipment.objects.filter(suborder=part, carrier=carrier, waybill_no=waybill_no).first()
    if known is not None:
        return known
    if carrier is None or not carrier.is_active:
        raise NotFound(
            _("There is no such carrier in use"), pointer="/carrier", carrier=carrier_code
        )
    if part.status not in SHIPPABLE:
        raise OrderStateConflict(pointer="/order_no", order_no=part.order_no, status=part.status)
    lines = {line.line_no: line for line in part.lines.select_related("sku").order_by("line_no")}
    if not has_left(lines.values()):
        raise OrderStateConflict(
            ALL_CLAIMED, pointer="/order_no", order_no=part.order_no, status=part.status
        )
    parcel = _read_parcel(lines, quantities)
    shipment = Shipment.objects.create(
        shipment_no=dated_no("S", now),
        suborder=part,
        carrier=carrier,
        waybill_no=waybill_no,
        shipped_at=shipped_at,
        actor=actor,
    )
    for line_no, quantity in parcel.items():
        lines[line_no].shipped_quantity += quantity
        ShipmentLine.objects.create(shipment=shipment, line=lines[line_no], quantity=quantity)
    OrderLine.objects.bulk_update(lines.values(), ["shipped_quantity"])
    _take_from_stock(part, lines, parcel)
    carry_over(shipment, now=now)  # tracked parcels are locked after stock
    _tell_of(order, "shipment.created", shipment, actor=actor, now=now)
    return shipment


def _tell_of(order: Order, type: str, shipment: Shipment, *, actor: str, now: datetime) -> None:
    """The states that follow from a parcel, and the messages about both."""
    changed = advance(order, actor=actor, now=now)
    messages = [(type, [shipment.shipment_no])]
    if changed:
        messages.append(("order.status_changed", changed))
    tell(order, messages)


def _read_parcel(
    lines: Mapping[int, OrderLine], quantities: Mapping[int, int] | None
) -> dict[int, int]:
    left = {line_no: line.left_quantity for line_no, line in lines.items()}
    if quantities is None:
        return {line_no: quantity for line_no, quantity in left.items() if quantity > 0}
    if not quantities or set(quantities) - set(lines) or min(quantities.values()) < 1:
        raise FieldInvalid(_("The suborder has no such line"), pointer="/lines")
    for line_no, quantity in quantities.items():
        if quantity > left[line_no]:
            raise QuantityExceedsOrdered(pointer="/lines", line_no=str(line_no), left=left[line_no])
    return dict(quantities)


def _take_from_stock(
    part: Suborder, lines: Mapping[int, OrderLine], parcel: Mapping[int, int]
) -> None:
    from catalog.models import Stock

    stock_ids = dict(
        Stock.objects.filter(
            warehouse_id=part.warehouse_id, sku__in=[lines[line_no].sku_id for line_no in parcel]
        ).values_list("sku_id", "id")
    )
    stock.send_shipment(
        stock_ids=[stock_ids[lines[line_no].sku_id] for line_no in parcel],
        quantities=list(parcel.values()),
        document_no=part.order_no,
    )
