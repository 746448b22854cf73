"""Parcels and carriers in the back office."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    RangeDateFilter,
)

from openplatform.core.admin.decorators import display
from openplatform.core.admin.model_admins import (
    ModelAdmin,
    ReadOnlyAdmin,
    ReadOnlyInline,
)
from orders.admin.badges import link_to
from orders.models import (
    Carrier,
    Shipment,
    ShipmentLine,
)


class ShipmentLineInline(ReadOnlyInline):
    """What is in a parcel."""

    model = ShipmentLine
    verbose_name_plural = _("shipment lines")
    fields = ("line", "quantity")
    tab = False
    show_change_link = False


@admin.register(Shipment)
class ShipmentAdmin(ReadOnlyAdmin):
    """Parcels."""

    list_display = (
        "shipment_no", "suborder_no", "partner", "carrier", "waybill_no", "shipped_at", "actor",
    )  # fmt: skip
    list_filter = (
        ("carrier", AutocompleteSelectFilter),
        ("suborder__order__partner", AutocompleteSelectFilter),
        ("shipped_at", RangeDateFilter),
    )
    list_select_related = ("carrier", "suborder__order__partner")
    search_fields = ("shipment_no", "waybill_no", "suborder__order_no", "suborder__order__order_no")
    search_help_text = _("Number of a shipment, waybill or order")
    ordering = ("-id",)
    fields = (
        ("shipment_no", "suborder_no"), ("carrier", "waybill_no"), ("shipped_at", "actor"),
        "created_at",
    )  # fmt: skip
    readonly_fields = ("suborder_no",)
    inlines = (ShipmentLineInline,)

    @display(description=_("suborder"), ordering="suborder__order_no")
    def suborder_no(self, shipment: Shipment) -> SafeString:
        """The part that was shipped."""
        part = shipment.suborder
        return link_to("orders_suborder_change", part.pk, part.order_no)

    @display(description=_("partner"))
    def partner(self, shipment: Shipment) -> str:
        """Whose order it is."""
        return str(shipment.suborder.order.partner)


@admin.register(Carrier)
class CarrierAdmin(ModelAdmin):
    """Carriers; one that was used is taken out of use, not deleted."""

    list_display = ("code", "name", "is_active")
    list_filter = ("is_active",)
    search_fields = ("code", "name")
    readonly_on_change = ("code",)
    fields = ("code", "name", "is_active")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Only of one that never carried anything."""
        if isinstance(obj, Carrier) and obj.shipments.exists():
            return False
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed
