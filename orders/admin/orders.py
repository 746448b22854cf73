"""Orders in the back office."""

from __future__ import annotations

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
from orders.models import (
    Order,
    OrderEvent,
    Shipment,
    Suborder,
)
from orders.services.shipping import SHIPPABLE


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
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
    search_fields = ("order_no", "suborders__order_no", "merchant_order_no", "consignee_phone")
    search_help_text = _("Order number, merchant's order number or phone of the consignee")
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
                )
            },
        ),
        (
            _("Consignee"),
            {
                "fields": (
                    ("consignee_name", "consignee_phone"),
                    ("consignee_region_name", "consignee_address"),
                )
            },
        ),
        (
            _("From the merchant"),
            {"fields": ("remark", "purchase_order_no", "metadata"), "classes": ("collapse",)},
        ),
    )
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
        shipped = Shipment.objects.select_related("carrier").prefetch_related("lines__line")
        parts = (
            Suborder.objects.filter(order_id=order_id)
            .select_related("warehouse", "split_from")
            .prefetch_related("lines", Prefetch("shipments", shipped))
            .order_by("id")
        )
        context = {
            "parts": parts,
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
