"""Goods leave the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from catalog.services import stock
from openplatform.audit.services.recording import record_change
from openplatform.core.errors import FieldInvalid, NotFound
from openplatform.core.identifiers import dated_no
from openplatform.core.locking import require_transaction, transactional
from openplatform.messaging.services.publishing import publish_all
from orders.errors import OrderStateConflict, QuantityExceedsOrdered
from orders.messages import order_draft
from orders.models import Carrier, Order, OrderEvent, OrderLine, Shipment, ShipmentLine, Suborder
from orders.selectors.trees import read_trees, send_trees
from orders.states import (
    ORDER_TRANSITIONS,
    SUBORDER_TRANSITIONS,
    OrderStatus,
    SuborderStatus,
    paid_order_status,
)

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
    :raises OrderStateConflict: unless the suborder is paid and not wholly shipped.
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
    changed = _advance(order, part, lines, shipped_at=shipped_at, actor=actor, now=now)
    _tell(order, shipment, changed)
    return shipment


def _read_parcel(
    lines: Mapping[int, OrderLine], quantities: Mapping[int, int] | None
) -> dict[int, int]:
    left = {
        line_no: line.quantity - line.shipped_quantity - line.refunded_quantity
        for line_no, line in lines.items()
    }
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


def _advance(
    order: Order,
    part: Suborder,
    lines: Mapping[int, OrderLine],
    *,
    shipped_at: datetime,
    actor: str,
    now: datetime,
) -> list[str]:
    """The new states; the numbers of what came to another one."""
    is_whole = all(
        line.shipped_quantity + line.refunded_quantity == line.quantity for line in lines.values()
    )
    part_to = SuborderStatus.SHIPPED if is_whole else SuborderStatus.PARTLY_SHIPPED
    changed = []
    if part.status != part_to:
        _require_allowed(part_to in SUBORDER_TRANSITIONS[SuborderStatus(part.status)], part.status)
        _add_event(order, part.order_no, part.status, part_to, actor=actor, now=now)
        part.status = part_to
        if is_whole:
            part.shipped_at = shipped_at
        part.save(update_fields=["status", "shipped_at"])
        changed.append(part.order_no)
    order_to = paid_order_status(order.suborders.values_list("status", flat=True))
    if order.status != order_to:
        _require_allowed(order_to in ORDER_TRANSITIONS[OrderStatus(order.status)], order.status)
        _add_event(order, order.order_no, order.status, order_to, actor=actor, now=now)
        order.status = order_to
        changed.insert(0, order.order_no)
    order.version += 1
    order.updated_at = now
    order.save(update_fields=["status", "version", "updated_at"])
    return changed


def _require_allowed(is_allowed: bool, status: str) -> None:
    if not is_allowed:
        raise OrderStateConflict(status=status)


def _add_event(
    order: Order, subject_no: str, from_status: str, to_status: str, *, actor: str, now: datetime
) -> None:
    OrderEvent.objects.create(
        order=order,
        subject_no=subject_no,
        from_status=from_status,
        to_status=to_status,
        actor=actor,
        created_at=now,
    )


def _tell(order: Order, shipment: Shipment, changed: list[str]) -> None:
    [tree] = read_trees(send_trees([order.order_no]))
    document = tree.document()
    messages = [("shipment.created", [shipment.shipment_no])]
    if changed:
        messages.append(("order.status_changed", changed))
    publish_all(
        [
            order_draft(type=type, partner_id=order.partner_id, document=document, changed=numbers)
            for type, numbers in messages
        ]
    )
