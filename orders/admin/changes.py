"""Changes of orders that were paid, in the back office: split, move, close."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import messages
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from catalog.admin.previewed import answer_previewed
from catalog.errors import PreviewOutdated
from catalog.models import Warehouse
from catalog.selectors.availability import list_serving
from openplatform.audit.actions import name_actions
from openplatform.core import clock
from openplatform.core.admin.decorators import action
from openplatform.core.errors import type_of_text
from orders.admin.change_pages import (
    ChangeLook,
    ChangePage,
    go_back,
    look_at_closing,
    look_at_move,
    look_at_split,
    read_version,
)
from orders.changes import CLOSABLE, MOVABLE, SplitPlan, plan_closing, plan_move, plan_split
from orders.errors import OrderStateConflict
from orders.forms.changes import CloseForm, CloseOrderForm, MoveForm, SplitForm
from orders.models import Closure, Order, OrderLine, Suborder
from orders.selectors.change_previews import (
    StockMove,
    list_returned,
    list_short,
    list_taken_over,
    list_takers,
)
from orders.services.closing import close_lines, close_order, plan_order_closing
from orders.services.rearrangement import (
    move_suborder,
    refusal_of_takeover,
    require_warehouse,
    split_suborder,
)

SECOND_CLICK = timedelta(minutes=1)
MAX_ID_DIGITS = 19  # one more than any bigint is sure to hold

name_actions(
    {
        "split_suborder": _("Suborder split"),
        "move_suborder": _("Suborder moved to another warehouse"),
        "close_lines": _("Units closed and refunded"),
        "book_refund": _("Refund booked"),
    },
    {
        "suborder_no": _("suborder number"),
        "split_units": _("units split off"),
        "closed_units": _("units closed"),
        "closure_no": _("closure number"),
        "to_warehouse": _("to warehouse"),
        "is_restocked": _("restocked"),
    },
)


class SuborderChanges:
    """What operators do to a suborder that was paid: pages for its admin."""

    change_actions = ("split", "move", "close")

    def has_split_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may add splits; it moves no money."""
        return bool(request.user.has_perm("orders.add_split"))

    def has_close_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may add closures; what was paid for the units goes back."""
        return bool(request.user.has_perm("orders.add_closure"))

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[Any]:
        """Without those that the suborder's state does not allow."""
        actions: list[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        parts = Suborder.objects.filter(pk=_id_of(object_id))
        status = parts.values_list("status", flat=True).first()
        barred = set()
        if status not in MOVABLE:
            barred |= {"split", "move"}
        if status not in CLOSABLE:
            barred |= {"close"}
        return [one for one in actions if one.path not in barred]

    @action(description=_("Split"), permissions=["split"], icon="call_split")
    def split(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Some units become a suborder of their own."""
        part, lines = _read_part(self, request, object_id)
        order = part.order
        if part.status not in MOVABLE or not _left(lines):
            return go_back(request, _page_of(part), lines)

        def look(form: SplitForm) -> ChangeLook:
            values = form.cleaned_data
            plan = plan_split(part, lines, values["quantities"])
            warehouse = require_warehouse(values["to_warehouse"])
            return look_at_split(
                order,
                part,
                plan,
                warehouse,
                _moves(part, plan, warehouse, restock=values["restock"]),
                is_serving=_is_serving(order, warehouse),
            )

        def act(form: SplitForm, expected: str) -> type_of_text:
            values = form.cleaned_data
            split = split_suborder(
                suborder_no=part.order_no,
                quantities=values["quantities"],
                to_warehouse_id=values["to_warehouse"],
                restock=values["restock"],
                reason=values["reason"],
                actor=request.user.get_username(),
                now=clock.now(),
                expected_version=read_version(expected),
            )
            return _("Suborder %(number)s was split off") % {"number": split.suborder.order_no}

        return answer_previewed(
            self,
            request,
            ChangePage(
                form_class=partial(
                    SplitForm,
                    part=part,
                    lines=_left(lines),
                    takers=list_takers(part, lines),
                ),
                title=_("Split the suborder"),
                submit=_("Split the suborder"),
                look=look,
                act=act,
                back_to=_page_of(part),
                subject=part,
                intro=_(
                    "The units chosen become a suborder of their own, with their share of the"
                    " freight. The same warehouse sends two parcels then."
                ),
            ),
        )

    @action(description=_("Move to a warehouse"), permissions=["split"], icon="move_up")
    def move(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Another warehouse ships it."""
        part, lines = _read_part(self, request, object_id)
        order = part.order
        if part.status not in MOVABLE:
            return go_back(request, _page_of(part), lines)

        def look(form: MoveForm) -> ChangeLook:
            values = form.cleaned_data
            plan = plan_move(part, lines)
            warehouse = require_warehouse(values["to_warehouse"])
            return look_at_move(
                order,
                part,
                plan,
                warehouse,
                _moves(part, plan, warehouse, restock=values["restock"]),
                is_serving=_is_serving(order, warehouse),
            )

        def act(form: MoveForm, expected: str) -> type_of_text:
            values = form.cleaned_data
            split = move_suborder(
                suborder_no=part.order_no,
                to_warehouse_id=values["to_warehouse"],
                restock=values["restock"],
                reason=values["reason"],
                actor=request.user.get_username(),
                now=clock.now(),
                expected_version=read_version(expected),
            )
            return _("%(warehouse)s ships the suborder") % {"warehouse": split.to_warehouse}

        takers = [one for one in list_takers(part, lines) if one.warehouse != part.warehouse]
        return answer_previewed(
            self,
            request,
            ChangePage(
                form_class=partial(MoveForm, part=part, takers=takers),
                title=_("Move the suborder to another warehouse"),
                submit=_("Move the suborder"),
                look=look,
                act=act,
                back_to=_page_of(part),
                subject=part,
            ),
        )

    @action(
        description=_("Close and refund"), permissions=["close"], icon="money_off", is_danger=True
    )
    def close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Units that will not be shipped are refunded."""
        part, lines = _read_part(self, request, object_id)
        order = part.order
        if part.status not in CLOSABLE or not _left(lines):
            return go_back(request, _page_of(part), lines)

        def look(form: CloseForm) -> ChangeLook:
            values = form.cleaned_data
            plan = plan_closing(
                part, lines, values["quantities"], refund_freight=values["refund_freight"]
            )
            moves = list_returned(part, plan.taken, restock=values["restock"])
            return look_at_closing(order, [(part, plan)], moves)

        def act(form: CloseForm, expected: str) -> type_of_text:
            values = form.cleaned_data
            closure = close_lines(
                suborder_no=part.order_no,
                quantities=values["quantities"],
                restock=values["restock"],
                refund_freight=values["refund_freight"],
                reason=values["reason"],
                actor=request.user.get_username(),
                now=clock.now(),
                expected_version=read_version(expected),
            )
            return _("%(amount)s was refunded") % {"amount": closure.amount}

        return answer_previewed(
            self,
            request,
            ChangePage(
                form_class=partial(CloseForm, lines=_left(lines)),
                title=_("Close units of the suborder"),
                submit=_("Close and refund"),
                look=look,
                act=act,
                back_to=_page_of(part),
                subject=part,
                intro=_("Units that will not be shipped; what was paid for them goes back."),
            ),
        )


class OrderChanges:
    """What operators do to an order as a whole: a page for its admin."""

    change_actions = ("close_rest",)

    def has_close_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may add closures; what was paid for the units goes back."""
        return bool(request.user.has_perm("orders.add_closure"))

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[Any]:
        """Without closing, when nothing waits for shipment."""
        actions: list[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        if Suborder.objects.filter(order_id=_id_of(object_id), status__in=CLOSABLE).exists():
            return actions
        return [one for one in actions if one.path != "close_rest"]

    @action(
        description=_("Close the order"), permissions=["close"], icon="money_off", is_danger=True
    )
    def close_rest(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Everything that was not shipped is refunded."""
        order: Order = self.get_row(request, object_id)  # type: ignore[attr-defined]
        back_to = reverse("admin:orders_order_change", args=(order.pk,))
        if not Suborder.objects.filter(order_id=order.pk, status__in=CLOSABLE).exists():
            if (refunded := _just_refunded(request, order)) is not None:
                messages.success(request, str(refunded))
                return HttpResponseRedirect(back_to)
            lines = OrderLine.objects.filter(suborder__order_id=order.pk)
            return go_back(request, back_to, lines)

        def look(form: CloseOrderForm) -> ChangeLook:
            values = form.cleaned_data
            planned = plan_order_closing(order, refund_freight=values["refund_freight"])
            moves = [
                move
                for part, plan in planned
                for move in list_returned(part, plan.taken, restock=values["restock"])
            ]
            return look_at_closing(order, planned, moves)

        def act(form: CloseOrderForm, expected: str) -> type_of_text:
            values = form.cleaned_data
            try:
                closures = close_order(
                    order_no=order.order_no,
                    restock=values["restock"],
                    refund_freight=values["refund_freight"],
                    reason=values["reason"],
                    actor=request.user.get_username(),
                    now=clock.now(),
                    expected_version=read_version(expected),
                )
            except (PreviewOutdated, OrderStateConflict):
                if (refunded := _just_refunded(request, order)) is None:
                    raise
                return refunded
            return _("%(amount)s was refunded") % {
                "amount": sum(closure.amount for closure in closures)
            }

        return answer_previewed(
            self,
            request,
            ChangePage(
                form_class=CloseOrderForm,
                title=_("Close the order"),
                submit=_("Close and refund"),
                look=look,
                act=act,
                back_to=back_to,
                subject=order,
                intro=_("Everything that is left to ship; what was paid for it goes back."),
            ),
        )


def _just_refunded(request: HttpRequest, order: Order) -> type_of_text | None:
    """What a double click booked with its first request, told to the second: nothing is left, and
    the same person closed it a moment ago for the same reason. None when it was not so.
    """
    if Suborder.objects.filter(order_id=order.pk, status__in=CLOSABLE).exists():
        return None
    booked = Closure.objects.filter(
        suborder__order_id=order.pk,
        actor=request.user.get_username(),
        reason=request.POST.get("reason", "").strip(),
        created_at__gte=clock.now() - SECOND_CLICK,
    ).aggregate(amount=Sum("amount"))["amount"]
    return None if booked is None else _("%(amount)s was refunded") % {"amount": booked}


def _read_part(
    model_admin: Any, request: HttpRequest, object_id: str
) -> tuple[Suborder, list[OrderLine]]:
    # The order is read before the rest: whatever changes afterwards makes the preview outdated.
    found: Suborder = model_admin.get_row(request, object_id)
    order = Order.objects.select_related("partner").get(pk=found.order_id)
    part = Suborder.objects.select_related("warehouse").get(pk=found.pk)
    part.order = order
    return part, list(part.lines.order_by("line_no"))


def _id_of(object_id: int | str) -> int:
    # Asked before the page has looked whether there is such a row.
    text = str(object_id)
    return int(text) if text.isascii() and text.isdigit() and len(text) < MAX_ID_DIGITS else 0


def _left(lines: list[OrderLine]) -> list[OrderLine]:
    return [line for line in lines if line.left_quantity]


def _moves(
    part: Suborder, plan: SplitPlan, warehouse: Warehouse, *, restock: bool
) -> list[StockMove]:
    if warehouse == part.warehouse:
        return []
    if short := list_short(warehouse, plan.taken):
        raise refusal_of_takeover(short)
    return [
        *list_taken_over(warehouse, plan.taken),
        *list_returned(part, plan.taken, restock=restock),
    ]


def _is_serving(order: Order, warehouse: Warehouse) -> bool:
    return warehouse.pk in list_serving(region=order.consignee_region_id)


def _page_of(part: Suborder) -> str:
    return reverse("admin:orders_suborder_change", args=(part.pk,))
