"""Closing what was paid and will not be shipped: the money goes back, the units are sold again or
written off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from accounts.models import LedgerEntry
from accounts.services import wallet
from catalog.services import stock
from openplatform.audit.services.recording import record_change
from openplatform.core.errors import NotFound
from openplatform.core.identifiers import dated_no
from openplatform.core.locking import transactional
from orders.changes import ALL_CLAIMED, CLOSABLE, ClosingPlan, has_left, plan_closing
from orders.errors import OrderStateConflict
from orders.models import Closure, ClosureLine, Order, OrderLine, Suborder
from orders.services.locked_parts import lock_part, lock_stock, require_version
from orders.services.progress import advance, lock_order, tell

Planned = tuple[Suborder, ClosingPlan]


@transactional
def close_lines(
    *,
    suborder_no: str,
    quantities: Mapping[int, int] | None,
    restock: bool,
    refund_freight: bool | None,
    reason: str,
    actor: str,
    now: datetime,
    expected_version: int | None = None,
) -> Closure:
    """Units of a suborder that were paid and will not be shipped, refunded to the merchant.

    1. Lock the order. 2. Check state and quantities. 3. Facts, stock, states, one message
    (``order.status_changed`` when a state changed, else ``order.updated``). 4. The wallet, last.

    :param quantities: units by line number; None is all that is left to ship.
    :param restock: the units can be sold again; else they are written off.
    :param refund_freight: whether the freight not yet refunded goes back, too; None: when no unit
        was shipped and none is left.
    :param expected_version: of the order when somebody looked at what would happen.
    :raises NotFound: for an unknown suborder.
    :raises PreviewOutdated: when the order has changed since somebody looked.
    :raises OrderStateConflict: when nothing of it waits for shipment.
    :raises QuantityExceedsOrdered: for more units than are left.
    :raises FieldInvalid: for a line of another suborder, nothing at all, or a balance that would be
        more than a wallet holds.
    """
    locked = lock_part(suborder_no=suborder_no, expected_version=expected_version)
    plan = plan_closing(locked.part, locked.lines, quantities, refund_freight=refund_freight)
    [closure] = _close(
        locked.order, [(locked.part, plan)], restock=restock, reason=reason, actor=actor, now=now
    )
    return closure


@transactional
def close_order(
    *,
    order_no: str,
    restock: bool,
    refund_freight: bool | None,
    reason: str,
    actor: str,
    now: datetime,
    expected_version: int | None = None,
) -> list[Closure]:
    """Everything of an order that is left to ship: a closure for each suborder, and one message.

    Parameters, steps and refusals are those of :func:`close_lines`; the freight of each suborder
    is decided by itself.
    """
    known = Order.objects.filter(order_no=order_no).values_list("pk", flat=True).first()
    if known is None:
        raise NotFound(_("There is no order with this number"), order_no=order_no)
    order = lock_order(order_id=known)
    require_version(order, expected_version)
    planned = plan_order_closing(order, refund_freight=refund_freight)
    return _close(order, planned, restock=restock, reason=reason, actor=actor, now=now)


def plan_order_closing(order: Order, *, refund_freight: bool | None) -> list[Planned]:
    """What closing an order would close of each suborder that has something left to ship. Units in
    open claims are left to the decisions on these.

    :raises OrderStateConflict: when none has.
    """
    parts = order.suborders.filter(status__in=CLOSABLE).select_related("warehouse").order_by("pk")
    lines_of = {part: list(part.lines.order_by("line_no")) for part in parts}
    planned = [
        (part, plan_closing(part, lines, None, refund_freight=refund_freight))
        for part, lines in lines_of.items()
        if has_left(lines)
    ]
    if not planned:
        raise OrderStateConflict(
            ALL_CLAIMED if lines_of else None, order_no=order.order_no, status=order.status
        )
    return planned


def _close(
    order: Order,
    planned: Sequence[Planned],
    *,
    restock: bool,
    reason: str,
    actor: str,
    now: datetime,
) -> list[Closure]:
    closures = [
        _write(order, part, plan, restock=restock, reason=reason, actor=actor, now=now)
        for part, plan in planned
    ]
    _return_stock(planned, restock=restock)
    changed = advance(order, actor=actor, now=now, reason=reason)
    if changed:
        tell(order, [("order.status_changed", changed)])
    else:
        tell(order, [("order.updated", [part.order_no for part, _plan in planned])])
    for closure in closures:
        wallet.book(
            partner_id=order.partner_id,
            kind=LedgerEntry.Kind.REFUND,
            amount=closure.amount,
            document=LedgerEntry.Document.CLOSURE,
            document_no=closure.closure_no,
            order_no=order.order_no,
            suborder_no=closure.suborder.order_no,
            note=reason,
            actor=actor,
        )
    return closures


def _write(
    order: Order,
    part: Suborder,
    plan: ClosingPlan,
    *,
    restock: bool,
    reason: str,
    actor: str,
    now: datetime,
) -> Closure:
    closure = Closure.objects.create(
        closure_no=dated_no("C", now),
        suborder=part,
        goods_amount=plan.goods_amount,
        freight_amount=plan.freight_amount,
        amount=plan.amount,
        is_restocked=restock,
        reason=reason,
        actor=actor,
        created_at=now,
    )
    before = {"refunded_amount": part.refunded_amount}
    for piece in plan.taken:
        line = piece.line
        line.closed_quantity += piece.quantity
        line.refunded_quantity += piece.quantity
        line.refunded_amount += piece.amount
    ClosureLine.objects.bulk_create(
        ClosureLine(closure=closure, line=piece.line, quantity=piece.quantity, amount=piece.amount)
        for piece in plan.taken
    )
    OrderLine.objects.bulk_update(
        [piece.line for piece in plan.taken],
        ["closed_quantity", "refunded_quantity", "refunded_amount"],
    )
    part.refunded_amount += plan.amount
    part.refunded_freight_amount += plan.freight_amount
    part.save(update_fields=["refunded_amount", "refunded_freight_amount"])
    order.refunded_amount += plan.amount  # written with the states
    record_change(
        action="close_lines",
        subject=part,
        before=before,
        after={
            "refunded_amount": part.refunded_amount,
            "closure_no": closure.closure_no,
            "closed_units": {piece.line.sku_code: piece.quantity for piece in plan.taken},
            "freight_amount": plan.freight_amount,
            "is_restocked": restock,
        },
        actor=actor,
        partner_id=order.partner_id,
        reason=reason,
    )
    return closure


def _return_stock(planned: Sequence[Planned], *, restock: bool) -> None:
    rows = lock_stock(
        warehouse_ids={part.warehouse_id for part, _plan in planned},
        lines=[piece.line for _part, plan in planned for piece in plan.taken],
    )
    give_back = stock.send_restock if restock else stock.send_write_off
    for part, plan in planned:
        give_back(
            stock_ids=[rows[part.warehouse_id, piece.line.sku_id] for piece in plan.taken],
            quantities=[piece.quantity for piece in plan.taken],
            document_no=part.order_no,
        )
