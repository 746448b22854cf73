"""Dividing a paid suborder, or giving it to another warehouse, before anything was shipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from catalog.errors import StockInsufficient
from catalog.models import Warehouse
from catalog.services import stock
from openplatform.audit.services.recording import record_change
from openplatform.core import money
from openplatform.core.errors import FieldInvalid, Refusal
from openplatform.core.locking import transactional
from orders.changes import SplitPlan, Taken, plan_move, plan_split
from orders.models import Order, OrderEvent, OrderLine, Split, Suborder
from orders.services.locked_parts import lock_part, lock_stock
from orders.services.progress import advance, tell
from orders.states import SuborderStatus


@transactional
def split_suborder(
    *,
    suborder_no: str,
    quantities: Mapping[int, int],
    to_warehouse_id: int,
    restock: bool,
    reason: str,
    actor: str,
    now: datetime,
    expected_version: int | None = None,
) -> Split:
    """Some units of a suborder as one of its own, which the warehouse named ships.

    A line of which all goes keeps its number; of a line that is divided the part that goes gets a
    number of its own. The freight left is divided by the goods; no money moves. The same warehouse
    sends two parcels and moves no stock; another one takes over units that it has to promise.

    1. Lock the order. 2. Check state and quantities. 3. The new suborder, lines, stock.
    4. ``order.split``.

    :param restock: what the old warehouse keeps can be sold again; else it is written off.
    :param expected_version: of the order when somebody looked at what would happen.
    :raises NotFound: for an unknown suborder.
    :raises PreviewOutdated: when the order has changed since somebody looked.
    :raises OrderStateConflict: unless the suborder awaits shipment.
    :raises QuantityExceedsOrdered: for more units than are left.
    :raises FieldInvalid: for a line of another suborder, nothing at all, everything, or an unknown
        warehouse.
    :raises StockInsufficient: when the warehouse cannot promise the units.
    """
    locked = lock_part(suborder_no=suborder_no, expected_version=expected_version)
    order, part = locked.order, locked.part
    plan = plan_split(part, locked.lines, quantities)
    warehouse = require_warehouse(to_warehouse_id)
    before = _amounts_of(part)
    made = _add_part(order, part, plan, warehouse, actor=actor, reason=reason, now=now)
    rows = _move_lines(order, plan, made)
    part.goods_amount -= plan.goods_amount
    part.freight_amount -= plan.freight_amount
    part.total_amount = part.goods_amount + part.freight_amount
    part.save(update_fields=["goods_amount", "freight_amount", "total_amount"])
    split = Split.objects.create(
        source=part,
        suborder=made,
        from_warehouse=part.warehouse,
        to_warehouse=warehouse,
        lines=rows,
        goods_amount=plan.goods_amount,
        freight_amount=plan.freight_amount,
        reason=reason,
        actor=actor,
        created_at=now,
    )
    _move_stock(part, plan.taken, warehouse, made.order_no, restock=restock)
    advance(order, actor=actor, now=now, reason=reason)
    tell(order, [("order.split", [part.order_no, made.order_no])])
    record_change(
        action="split_suborder",
        subject=part,
        before=before,
        after={
            **_amounts_of(part),
            "suborder_no": made.order_no,
            "split_units": {piece.line.sku_code: piece.quantity for piece in plan.taken},
            "to_warehouse": warehouse.code,
            "is_restocked": restock,
        },
        actor=actor,
        partner_id=order.partner_id,
        reason=reason,
    )
    return split


@transactional
def move_suborder(
    *,
    suborder_no: str,
    to_warehouse_id: int,
    restock: bool,
    reason: str,
    actor: str,
    now: datetime,
    expected_version: int | None = None,
) -> Split:
    """A suborder that another warehouse ships from now on; numbers, lines and money stay.

    Parameters, steps and refusals are those of :func:`split_suborder`; the message is
    ``order.updated``.

    :raises FieldInvalid: when that warehouse ships it already.
    """
    locked = lock_part(suborder_no=suborder_no, expected_version=expected_version)
    order, part = locked.order, locked.part
    plan = plan_move(part, locked.lines)
    warehouse, left_behind = require_warehouse(to_warehouse_id), part.warehouse
    if warehouse == left_behind:
        raise FieldInvalid(_("This warehouse ships it already"), pointer="/to_warehouse")
    split = Split.objects.create(
        source=part,
        suborder=part,
        from_warehouse=left_behind,
        to_warehouse=warehouse,
        lines=[_line_row(piece, piece.line.line_no) for piece in plan.taken],
        goods_amount=plan.goods_amount,
        freight_amount=plan.freight_amount,
        reason=reason,
        actor=actor,
        created_at=now,
    )
    _move_stock(part, plan.taken, warehouse, part.order_no, restock=restock)
    part.warehouse = warehouse
    part.save(update_fields=["warehouse"])
    changed = advance(order, actor=actor, now=now, reason=reason)
    tell(order, [("order.updated", [part.order_no, *changed])])
    record_change(
        action="move_suborder",
        subject=part,
        before={"warehouse": left_behind.code},
        after={"warehouse": warehouse.code, "is_restocked": restock},
        actor=actor,
        partner_id=order.partner_id,
        reason=reason,
    )
    return split


def require_warehouse(warehouse_id: int) -> Warehouse:
    """The warehouse that is to ship.

    :raises FieldInvalid: when there is none.
    """
    warehouse = Warehouse.objects.filter(pk=warehouse_id).first()
    if warehouse is None:
        raise FieldInvalid(_("There is no such warehouse"), pointer="/to_warehouse")
    return warehouse


def refusal_of_takeover(taken: Sequence[Taken]) -> Refusal:
    """That a warehouse cannot promise these units."""
    return Refusal(
        [
            StockInsufficient(
                _("The warehouse has fewer than %(quantity)d units of %(sku)s to promise")
                % {"quantity": piece.quantity, "sku": piece.line.sku_code},
                pointer="/to_warehouse",
                line_no=str(piece.line.line_no),
            )
            for piece in taken
        ]
    )


def _add_part(
    order: Order,
    part: Suborder,
    plan: SplitPlan,
    warehouse: Warehouse,
    *,
    actor: str,
    reason: str,
    now: datetime,
) -> Suborder:
    made = Suborder.objects.create(
        order=order,
        order_no=f"{order.order_no}-{order.suborders.count() + 1}",  # none is ever deleted
        split_from=part,
        warehouse=warehouse,
        status=SuborderStatus.AWAITING_SHIPMENT,
        goods_amount=plan.goods_amount,
        freight_amount=plan.freight_amount,
        total_amount=plan.goods_amount + plan.freight_amount,
    )
    OrderEvent.objects.create(
        order=order,
        subject_no=made.order_no,
        to_status=made.status,
        actor=actor,
        reason=reason,
        created_at=now,
    )
    return made


def _move_lines(order: Order, plan: SplitPlan, made: Suborder) -> list[dict[str, Any]]:
    last_no = order.lines.aggregate(last=Max("line_no"))["last"]
    rows = []
    for piece in plan.taken:
        line = piece.line
        if piece.quantity == line.quantity:
            line.suborder = made
            line.save(update_fields=["suborder"])
            rows.append(_line_row(piece, line.line_no))
            continue
        last_no += 1
        line.quantity -= piece.quantity
        line.amount -= piece.amount
        line.save(update_fields=["quantity", "amount"])
        OrderLine.objects.create(
            order=order,
            suborder=made,
            line_no=last_no,
            origin_line_no=line.line_no,
            sku_id=line.sku_id,
            sku_code=line.sku_code,
            name=line.name,
            quantity=piece.quantity,
            purchase_price=line.purchase_price,
            market_price=line.market_price,
            sale_price=line.sale_price,
            tax_rate=line.tax_rate,
            weight_grams=line.weight_grams,
            amount=piece.amount,
        )
        rows.append(_line_row(piece, last_no))
    return rows


def _line_row(piece: Taken, line_no: int) -> dict[str, Any]:
    return {
        "line_no": str(line_no),
        "origin_line_no": str(piece.line.line_no),
        "sku": piece.line.sku_code,
        "quantity": piece.quantity,
        "amount": money.to_text(piece.amount),
    }


def _move_stock(
    part: Suborder,
    taken: Sequence[Taken],
    warehouse: Warehouse,
    document_no: str,
    *,
    restock: bool,
) -> None:
    if warehouse.pk == part.warehouse_id:
        return
    rows = lock_stock(
        warehouse_ids=[part.warehouse_id, warehouse.pk], lines=[piece.line for piece in taken]
    )
    _refuse_missing([piece for piece in taken if (warehouse.pk, piece.line.sku_id) not in rows])
    quantities = [piece.quantity for piece in taken]
    there = [rows[warehouse.pk, piece.line.sku_id] for piece in taken]
    moved = {
        stock_id
        for (stock_id,) in stock.send_takeover(
            stock_ids=there, quantities=quantities, document_no=document_no
        ).rows()
    }
    _refuse_missing([piece for piece, row in zip(taken, there, strict=True) if row not in moved])
    give_back = stock.send_restock if restock else stock.send_write_off
    give_back(
        stock_ids=[rows[part.warehouse_id, piece.line.sku_id] for piece in taken],
        quantities=quantities,
        document_no=part.order_no,
    )


def _refuse_missing(taken: Sequence[Taken]) -> None:
    if taken:
        raise refusal_of_takeover(taken)


def _amounts_of(part: Suborder) -> dict[str, Any]:
    return {"goods_amount": part.goods_amount, "freight_amount": part.freight_amount}
