"""Orders in the back office."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, Sum
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
    RangeNumericFilter,
)

from openplatform.core.admin.decorators import display
from openplatform.core.admin.model_admins import (
    ReadOnlyAdmin,
)
from orders.admin.badges import STATUS_COLOURS, STATUS_NAMES
from orders.admin.changes import OrderChanges
from orders.admin.searching import ORDER_SEARCH, FoundByOrder
from orders.admin.shipments import PARCEL_COLOURS
from orders.models import (
    Order,
    OrderEvent,
    Shipment,
    Split,
    Suborder,
)
from orders.selectors.timeline import get_timeline_document
from orders.services.shipping import SHIPPABLE
from orders.timeline import Kind

MONEY_COLOURS = {
    Kind.HELD: "warning",
    Kind.RELEASED: "neutral",
    Kind.PAID: "success",
    Kind.SPLIT: "info",
    Kind.REFUNDED: "danger",
}


def show_timeline(order: Order, suborder_no: str = "") -> dict[str, Any]:
    """The money of an order, or of one of its suborders, as ``backoffice/order_money.html`` shows
    it.
    """
    timeline = get_timeline_document(
        partner_id=order.partner_id, order_no=suborder_no or order.order_no
    )
    for entry in timeline["entries"]:
        kind = Kind(entry["kind"])
        entry["label"], entry["colour"] = kind.label, MONEY_COLOURS[kind]
        entry["at"] = datetime.fromisoformat(entry["at"])
    return timeline


@admin.register(Order)
class OrderAdmin(FoundByOrder, OrderChanges, ReadOnlyAdmin):
    """Orders, with their parts, parcels and history."""

    list_display = (
        "order_no", "partner", "merchant_order_no", "status_badge", "total_amount",
        "consignee_name", "consignee_region_name", "created_at",
    )  # fmt: skip
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("partner", AutocompleteSelectFilter),
        ("created_at", RangeDateFilter),
        ("total_amount", RangeNumericFilter),
    )
    list_select_related = ("partner",)
    order_path = "pk"
    search_help_text = ORDER_SEARCH
    list_before_template = "backoffice/totals.html"
    totals = {_("total"): Sum("total_amount")}
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("order_no", "status"),
                    ("partner", "merchant_order_no"),
                    ("goods_amount", "freight_amount"),
                    ("total_amount", "refunded_amount"),
                    ("created_at", "expires_at"),
                    ("paid_at", "cancelled_at"),
                    ("closed_at", "close_reason"),
                )
            },
        ),
        (
            _("Consignee"),
            {
                "fields": (
                    ("consignee_name", "consignee_phone"),
                    ("consignee_region_name", "consignee_address"),
                    ("region_confidence", "consignee_erased_at"),
                )
            },
        ),
        (
            _("From the merchant"),
            {
                "fields": (
                    ("purchase_order_no", "quote_id"),
                    ("remark", "dropped"),
                    "metadata",
                ),
                "classes": ("collapse",),
            },
        ),
    )
    actions_detail = OrderChanges.change_actions
    change_form_outer_after_template = "backoffice/order_parts.html"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With the suborders, their lines and parcels."""
        order_id = int(object_id) if object_id.isdecimal() else 0
        shipped = Shipment.objects.select_related("carrier").prefetch_related(
            "lines__line", "waybill_changes__from_carrier"
        )
        parts = (
            Suborder.objects.filter(order_id=order_id)
            .select_related("warehouse", "split_from")
            .prefetch_related("lines", Prefetch("shipments", shipped))
            .order_by("id")
        )
        order = Order.objects.filter(pk=order_id).only("partner_id", "order_no").first()
        context = {
            "parts": parts,
            "timeline": order and show_timeline(order),
            "rearranged": Split.objects.filter(source__order_id=order_id)
            .select_related("source", "suborder", "from_warehouse", "to_warehouse")
            .order_by("id"),
            "parcel_colours": PARCEL_COLOURS,
            "events": OrderEvent.objects.filter(order_id=order_id).order_by("id"),
            "names": STATUS_NAMES,
            "shippable": SHIPPABLE,
            "colours": STATUS_COLOURS,
            "may_ship": request.user.has_perm("orders.add_shipment"),
            **(extra_context or {}),
        }
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def status_badge(self, order: Order) -> tuple[str, str]:
        """A badge."""
        return order.status, order.get_status_display()
