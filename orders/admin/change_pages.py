"""What pages show before an order that was paid is changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from accounts.models import Wallet
from catalog.admin.previewed import Look, PreviewedAct
from catalog.errors import PreviewOutdated
from catalog.models import Warehouse
from openplatform.core.errors import type_of_text
from orders.changes import ALL_CLAIMED, ClosingPlan, SplitPlan, Taken, has_left
from orders.errors import OrderStateConflict
from orders.models import Order, OrderLine, Suborder
from orders.selectors.change_previews import StockMove

Cell = type_of_text | int


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a title; ``name`` is its id on the page."""

    name: str
    title: type_of_text
    heads: Sequence[type_of_text]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLook(Look):
    """What a change would do to money, lines and stock."""

    tables: Sequence[Table]


class ChangePage(PreviewedAct):
    """A change of an order that was paid. What cannot be undone is confirmed."""

    template: ClassVar[str] = "backoffice/previewed_change.html"
    may_ask: ClassVar[bool] = True


def read_version(expected: str) -> int:
    """The version of the order that was looked at.

    :raises PreviewOutdated: when it is none.
    """
    if not (expected.isascii() and expected.isdigit()):
        raise PreviewOutdated
    return int(expected)


def go_back(request: HttpRequest, back_to: str, lines: Iterable[OrderLine]) -> HttpResponse:
    """Back to where it came from: an act that is not possible any more, with the reason why.

    :param lines: of what it would have been done to.
    """
    lines = list(lines)
    why: type_of_text = _("Nothing is left to ship")
    if has_left(lines):
        why = OrderStateConflict.title
    elif any(line.stopped_quantity for line in lines):
        why = ALL_CLAIMED
    messages.warning(request, str(why))
    return HttpResponseRedirect(back_to)


def look_at_closing(
    order: Order, planned: Sequence[tuple[Suborder, ClosingPlan]], moves: Sequence[StockMove]
) -> ChangeLook:
    """What goes back to the merchant, what is left of each suborder, and the units."""
    goods = sum((plan.goods_amount for _part, plan in planned), Decimal(0))
    freight = sum((plan.freight_amount for _part, plan in planned), Decimal(0))
    balance = Wallet.objects.values_list("balance", flat=True).get(pk=order.partner_id)
    money = Table(
        "money",
        _("Money"),
        ("", _("amount")),
        [
            (_("Goods"), _amount(goods)),
            (_("Freight"), _amount(freight)),
            (_("Refund"), _amount(goods + freight)),
            (_("Balance of the merchant before"), _amount(balance)),
            (_("Balance of the merchant afterwards"), _amount(balance + goods + freight)),
        ],
    )
    parts = Table(
        "parts",
        _("Suborders"),
        (_("suborder"), _("total"), _("refunded before"), _("refund"), _("of it freight")),
        [
            (
                f"{part.order_no} {part.warehouse}",
                _amount(part.total_amount),
                _amount(part.refunded_amount),
                _amount(plan.amount),
                _amount(plan.freight_amount),
            )
            for part, plan in planned
        ],
    )
    taken = [piece for _part, plan in planned for piece in plan.taken]
    return ChangeLook(
        fingerprint=str(order.version),
        confirm=_("I know that %(amount)s goes back to %(partner)s, and that it cannot be undone.")
        % {"amount": _amount(goods + freight), "partner": order.partner},
        tables=[money, parts, _lines(taken, with_left=True), look_at_stock(moves)],
    )


def look_at_split(
    order: Order,
    part: Suborder,
    plan: SplitPlan,
    warehouse: Warehouse,
    moves: Sequence[StockMove],
    *,
    is_serving: bool,
) -> ChangeLook:
    """How money and units are divided."""
    goods, freight = part.goods_amount - plan.goods_amount, part.freight_amount
    rows = [
        _part_row(_("%(number)s now"), part, part.warehouse, part.goods_amount, freight),
        _part_row(
            _("%(number)s afterwards"), part, part.warehouse, goods, freight - plan.freight_amount
        ),
        _part_row(_("The new suborder"), part, warehouse, plan.goods_amount, plan.freight_amount),
    ]
    parts = Table(
        "parts",
        _("Money"),
        (_("suborder"), _("warehouse"), _("goods"), _("freight"), _("total")),
        rows,
    )
    return ChangeLook(
        fingerprint=str(order.version),
        confirm=_confirm_area(is_serving=is_serving),
        tables=[parts, _lines(plan.taken, with_left=True), look_at_stock(moves)],
    )


def look_at_move(
    order: Order,
    part: Suborder,
    plan: SplitPlan,
    warehouse: Warehouse,
    moves: Sequence[StockMove],
    *,
    is_serving: bool,
) -> ChangeLook:
    """Who ships what; money stays."""
    row = _part_row("%(number)s", part, warehouse, part.goods_amount, part.freight_amount)
    parts = Table(
        "parts",
        _("Money stays as it is"),
        (_("suborder"), _("warehouse"), _("goods"), _("freight"), _("total")),
        [row],
    )
    return ChangeLook(
        fingerprint=str(order.version),
        confirm=_confirm_area(is_serving=is_serving),
        tables=[parts, _lines(plan.taken, with_left=False), look_at_stock(moves)],
    )


def _confirm_area(*, is_serving: bool) -> type_of_text:
    if is_serving:
        return ""
    return _("I know that this warehouse does not serve the region of the consignee.")


def _part_row(
    title: type_of_text, part: Suborder, warehouse: Warehouse, goods: Decimal, freight: Decimal
) -> Sequence[Cell]:
    return (
        str(title) % {"number": part.order_no},
        str(warehouse),
        _amount(goods),
        _amount(freight),
        _amount(goods + freight),
    )


def _lines(taken: Sequence[Taken], *, with_left: bool) -> Table:
    heads = [_("SKU"), _("units"), _("purchase price"), _("amount")]
    if with_left:
        heads.append(_("left to ship afterwards"))
    return Table(
        "lines",
        _("Units"),
        heads,
        [
            (
                f"{piece.line.sku_code} {piece.line.name}",
                piece.quantity,
                _amount(piece.line.purchase_price),
                _amount(piece.amount),
                *([piece.line.left_quantity - piece.quantity] if with_left else ()),
            )
            for piece in taken
        ],
    )


def look_at_stock(moves: Sequence[StockMove]) -> Table:
    """What becomes of stock."""
    rows: Sequence[Sequence[Cell]] = [
        (
            f"{move.warehouse} · {move.sku}",
            f"{move.on_hand[0]} → {move.on_hand[1]}",
            f"{move.outgoing[0]} → {move.outgoing[1]}",
        )
        for move in moves
    ]
    return Table(
        "stock",
        _("Stock"),
        (_("warehouse"), _("on hand"), _("outgoing")),
        rows or [(_("No stock moves"), "", "")],
    )


def _amount(amount: Decimal) -> str:
    return f"{amount:,.2f}"
