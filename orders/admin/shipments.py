"""Parcels and carriers in the back office."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
)

from openplatform.audit.actions import name_actions
from openplatform.connectors.parcels import TROUBLED, ParcelStatus
from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import (
    ModelAdmin,
    ReadOnlyAdmin,
    ReadOnlyInline,
)
from orders.admin.badges import link_to
from orders.admin.queues import SettlingMixin, TroubleFilter
from orders.admin.searching import ORDER_SEARCH, FoundByOrder
from orders.forms.shipping import WaybillForm
from orders.models import (
    Carrier,
    Shipment,
    ShipmentLine,
    WaybillChange,
)
from orders.services.shipping import change_waybill

PARCEL_COLOURS = {
    **{status.value: "info" for status in ParcelStatus},
    **{status.value: "danger" for status in TROUBLED},
    ParcelStatus.PENDING.value: "neutral",
    ParcelStatus.DELIVERED.value: "success",
}

name_actions({"change_waybill": _("Waybill changed")})


class ShipmentLineInline(ReadOnlyInline):
    """What is in a parcel."""

    model = ShipmentLine
    verbose_name_plural = _("shipment lines")
    fields = ("line", "quantity")
    tab = False
    show_change_link = False


class WaybillChangeInline(ReadOnlyInline):
    """The numbers that a parcel had."""

    model = WaybillChange
    verbose_name_plural = _("waybill changes")
    fields = (
        "from_carrier", "from_waybill_no", "to_carrier", "to_waybill_no", "reason", "actor",
        "created_at",
    )  # fmt: skip
    tab = False
    show_change_link = False


@admin.register(Shipment)
class ShipmentAdmin(FoundByOrder, SettlingMixin, ReadOnlyAdmin):
    """Parcels."""

    list_display = (
        "shipment_no", "status_badge", "suborder_no", "partner", "carrier", "waybill_no",
        "shipped_at", "troubled_at",
    )  # fmt: skip
    list_filter = (
        TroubleFilter,
        ("status", ChoicesDropdownFilter),
        ("carrier", AutocompleteSelectFilter),
        ("suborder__order__partner", AutocompleteSelectFilter),
        ("shipped_at", RangeDateFilter),
    )
    list_select_related = ("carrier", "suborder__order__partner")
    order_path = "suborder__order_id"
    own_numbers = ("shipment_no", "waybill_no")
    search_help_text = ORDER_SEARCH
    ordering = ("-id",)
    fields = (
        ("shipment_no", "suborder_no"), ("carrier", "waybill_no"), ("status", "delivered_at"),
        ("troubled_at", "settled_at"), "settlement", ("shipped_at", "actor"), "created_at",
    )  # fmt: skip
    readonly_fields = ("suborder_no",)
    inlines = (ShipmentLineInline, WaybillChangeInline)
    actions_detail = ("change_number", "settle")
    actions_row = ("settle",)

    def has_change_number_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may change shipments."""
        return bool(request.user.has_perm("orders.change_shipment"))

    @action(
        description=_("Change the waybill"),
        permissions=["change_number"],
        url_path="change-waybill",
        icon="sync_alt",
    )
    def change_number(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The parcel goes on under another number, or with another carrier."""
        shipment: Shipment = self.get_row(request, object_id)
        back_to = reverse("admin:orders_shipment_change", args=(shipment.pk,))

        def call(values: Values) -> HttpResponse | str | Promise:
            changed = change_waybill(
                shipment_no=shipment.shipment_no,
                carrier_code=values["carrier"].code,
                waybill_no=values["waybill_no"],
                reason=values["reason"],
                actor=request.user.get_username(),
                now=clock.now(),
            )
            if changed is None:
                text = _("Nothing was changed: the shipment goes under this waybill already")
                messages.info(request, str(text))
                return HttpResponseRedirect(back_to)
            return _("Shipment %(number)s goes under waybill %(waybill)s") % {
                "number": shipment.shipment_no,
                "waybill": values["waybill_no"],
            }

        return answer_form_page(
            self,
            request,
            form_class=WaybillForm,
            title=_("Change the waybill"),
            submit=_("Change"),
            call=call,
            back_to=back_to,
            initial={"carrier": shipment.carrier_id},
            subject=shipment,
            intro=_(
                "The merchant is told at once. Tracking starts anew under the new number; the old "
                "one stays in the history below the shipment."
            ),
            extra_context={
                "facts": [
                    (_("carrier"), shipment.carrier),
                    (_("waybill number"), shipment.waybill_no),
                    (_("status"), shipment.get_status_display()),
                    (_("suborder"), shipment.suborder.order_no),
                ]
            },
        )

    @display(description=_("status"), ordering="status", label=PARCEL_COLOURS)
    def status_badge(self, shipment: Shipment) -> tuple[str, str]:
        """A badge."""
        return shipment.status, shipment.get_status_display()

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
