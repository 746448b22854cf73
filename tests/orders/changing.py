"""Changes of paid orders, and what must hold after any of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from django.db.models import Sum

from accounts.models import LedgerEntry, Wallet
from aftersales.models import Claim, ClaimLine
from aftersales.states import OPEN, ClaimStatus
from catalog.models import Stock, StockMovement, Warehouse
from openplatform.core import clock
from orders.models import Closure, Order, OrderLine, Split, Suborder
from orders.services.closing import close_lines, close_order
from orders.services.rearrangement import move_suborder, split_suborder
from orders.states import SuborderStatus, Units, paid_order_status, paid_suborder_status

UNPAID = ("pending_payment", "cancelled", "expired")


def split_off(
    suborder_no: str,
    quantities: Mapping[int, int],
    *,
    to: str = "south",
    restock: bool = True,
    expected_version: int | None = None,
) -> Split:
    """Some units go to a suborder of their own."""
    return split_suborder(
        suborder_no=suborder_no,
        quantities=quantities,
        to_warehouse_id=Warehouse.objects.get(code=to).pk,
        restock=restock,
        reason="damaged",
        actor="operator",
        now=clock.now(),
        expected_version=expected_version,
    )


def move(
    suborder_no: str,
    *,
    to: str = "south",
    restock: bool = True,
    expected_version: int | None = None,
) -> Split:
    """Another warehouse ships it."""
    return move_suborder(
        suborder_no=suborder_no,
        to_warehouse_id=Warehouse.objects.get(code=to).pk,
        restock=restock,
        reason="missing",
        actor="operator",
        now=clock.now(),
        expected_version=expected_version,
    )


def close(
    suborder_no: str,
    quantities: Mapping[int, int] | None = None,
    *,
    restock: bool = True,
    refund_freight: bool | None = None,
    expected_version: int | None = None,
) -> Closure:
    """Units that will not be shipped."""
    return close_lines(
        suborder_no=suborder_no,
        quantities=quantities,
        restock=restock,
        refund_freight=refund_freight,
        reason="sold out",
        actor="operator",
        now=clock.now(),
        expected_version=expected_version,
    )


def close_all(
    order_no: str,
    *,
    restock: bool = True,
    refund_freight: bool | None = None,
    expected_version: int | None = None,
) -> list[Closure]:
    """Everything of an order that was not shipped."""
    return close_order(
        order_no=order_no,
        restock=restock,
        refund_freight=refund_freight,
        reason="called off",
        actor="operator",
        now=clock.now(),
        expected_version=expected_version,
    )


def everything() -> list[object]:
    """All rows that a change may touch, to see that a refused one touched none."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (
            Order, Suborder, OrderLine, Split, Closure, Stock, StockMovement, LedgerEntry, Wallet,
        )
    ]  # fmt: skip


def require_conserved(*order_nos: str) -> None:
    """Money and units of these orders (none: of all) add up, states follow from facts, every number
    of the stock is explained, and what a wallet holds is what was entered.
    """
    orders = Order.objects.prefetch_related("suborders__lines")
    if order_nos:
        orders = orders.filter(order_no__in=order_nos)
    for order in orders:
        _require_order_adds_up(order)
    for stock in Stock.objects.annotate(
        booked_on_hand=Sum("movements__on_hand_change"),
        booked_reserved=Sum("movements__reserved_change"),
        booked_outgoing=Sum("movements__outgoing_change"),
    ):
        assert stock.reserved == (stock.booked_reserved or 0)
        assert stock.outgoing == (stock.booked_outgoing or 0)
    _require_outgoing_is_what_is_left()
    for wallet in Wallet.objects.all():
        entries = LedgerEntry.objects.filter(partner_id=wallet.pk)
        assert wallet.balance == sum((entry.amount for entry in entries), Decimal(0))


def _require_order_adds_up(order: Order) -> None:
    parts = list(order.suborders.all())
    for name in ("goods_amount", "freight_amount", "total_amount", "refunded_amount"):
        assert getattr(order, name) == sum(getattr(part, name) for part in parts), name
    for part in parts:
        lines = list(part.lines.all())
        assert lines
        assert part.goods_amount == sum(line.amount for line in lines)
        assert part.total_amount == part.goods_amount + part.freight_amount
        assert part.refunded_amount == part.refunded_freight_amount + sum(
            line.refunded_amount for line in lines
        )
        assert 0 <= part.refunded_freight_amount <= part.freight_amount
        closures = Closure.objects.filter(suborder=part)
        claims = Claim.objects.filter(suborder=part, status=ClaimStatus.REFUNDED)
        assert part.refunded_amount == sum(
            (*(row.amount for row in closures), *(claim.refund_amount for claim in claims)),
            Decimal(0),
        )
        for line in lines:
            _require_line_adds_up(line)
    refunds = LedgerEntry.objects.filter(order_no=order.order_no, kind="refund")
    assert order.refunded_amount == sum((entry.amount for entry in refunds), Decimal(0))
    assert order.refunded_amount <= order.total_amount
    if order.status not in UNPAID:
        _require_states_follow(order, parts)


def _require_line_adds_up(line: OrderLine) -> None:
    """Closures refund at the price that was paid; claims at that price or less."""
    assert line.amount == line.purchase_price * line.quantity
    assert line.shipped_quantity == sum(row.quantity for row in line.shipment_lines.all())
    assert line.left_quantity >= 0
    closed = list(line.closure_lines.all())
    rows = list(line.claim_lines.select_related("claim"))
    refunded = [row for row in rows if row.claim.status == ClaimStatus.REFUNDED]
    claimed = [row for row in rows if row.claim.status in OPEN]
    units = {row: _granted(row) for row in refunded}
    unshipped = {row: min(row.unshipped_quantity, units[row]) for row in refunded}
    assert line.closed_quantity == sum(row.quantity for row in closed) + sum(unshipped.values())
    assert line.refunded_quantity == sum(row.quantity for row in closed) + sum(units.values())
    assert line.refunded_amount == sum(
        (*(row.amount for row in closed), *(row.refund_amount for row in refunded)), Decimal(0)
    )
    assert line.refunded_amount <= line.purchase_price * line.refunded_quantity
    for row in refunded:
        assert row.refund_amount <= line.purchase_price * units[row]
    assert line.claimed_quantity == sum(_granted(row) for row in claimed)
    assert line.stopped_quantity == sum(row.unshipped_quantity for row in claimed)
    assert line.claimable_quantity >= 0


def _granted(row: ClaimLine) -> int:
    """Units that were accepted, or approved; asked for while nobody has decided."""
    numbers = (row.accepted_quantity, row.approved_quantity, row.quantity)
    return next(number for number in numbers if number is not None)


def _require_states_follow(order: Order, parts: list[Suborder]) -> None:
    for part in parts:
        assert part.status == paid_suborder_status(
            [
                Units(
                    line.quantity,
                    line.shipped_quantity,
                    line.closed_quantity,
                    line.refunded_quantity,
                )
                for line in part.lines.all()
            ],
            is_delivered=part.delivered_at is not None,
            is_completed=part.completed_at is not None,
        )
    assert order.status == paid_order_status([part.status for part in parts])


def _require_outgoing_is_what_is_left() -> None:
    left = Counter[tuple[int, int]]()
    for line in OrderLine.objects.select_related("suborder").exclude(
        suborder__status__in=[SuborderStatus.PENDING_PAYMENT, SuborderStatus.CANCELLED]
    ):
        left[line.suborder.warehouse_id, line.sku_id] += line.left_quantity + line.stopped_quantity
    for stock in Stock.objects.all():
        assert stock.outgoing == left.pop((stock.warehouse_id, stock.sku_id), 0)
    assert not +left
