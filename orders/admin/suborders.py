"""What each warehouse ships, in the back office."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
)

from openplatform.audit.actions import name_actions
from openplatform.audit.services.recording import record_run
from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import (
    ReadOnlyAdmin,
    ReadOnlyInline,
)
from openplatform.core.errors import type_of_text
from orders.admin.badges import STATUS_COLOURS, link_to
from orders.admin.change_pages import go_back
from orders.admin.changes import SuborderChanges
from orders.admin.closures import ClosureInline, SplitInline
from orders.admin.searching import ORDER_SEARCH, FoundByOrder
from orders.exports.to_ship import list_to_ship, to_csv, to_xlsx
from orders.forms.shipping import ShipForm, ToShipForm
from orders.models import (
    OrderLine,
    Shipment,
    Suborder,
)
from orders.services.shipping import SHIPPABLE, ship_suborder

name_actions(
    {
        "ship_suborder": _("Suborder shipped"),
        "export_to_ship": _("What is to be shipped was exported"),
    },
    {
        "shipment_no": _("shipment number"),
        "carrier": _("carrier"),
        "waybill_no": _("waybill number"),
    },
)


class ToShipFilter(DropdownFilter):
    """Suborders with something left to ship."""

    title = _("to ship")
    parameter_name = "to_ship"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """One choice, beside all."""
        return [("yes", _("Something is left to ship"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Suborder]) -> QuerySet[Suborder]:
        """Paid and not wholly shipped."""
        return queryset.filter(status__in=SHIPPABLE) if self.value() == "yes" else queryset


class LineInline(ReadOnlyInline):
    """The lines of a suborder."""

    model = OrderLine
    verbose_name_plural = _("order lines")
    ordering = ("line_no",)
    per_page = 100
    fields = (
        "line_no", "sku_code", "name", "quantity", "shipped_quantity", "closed_quantity",
        "refunded_quantity", "purchase_price", "amount", "refunded_amount",
    )  # fmt: skip
    tab = False
    show_change_link = False


class ShipmentInline(ReadOnlyInline):
    """The parcels of a suborder."""

    model = Shipment
    verbose_name_plural = _("shipments")
    fields = (
        "shipment_no", "status", "carrier", "waybill_no", "shipped_at", "delivered_at", "actor",
    )  # fmt: skip
    tab = False


FORMATS = {
    ToShipForm.CSV: (to_csv, "text/csv; charset=utf-8"),
    ToShipForm.XLSX: (
        to_xlsx,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
}


def _answer_file(
    request: HttpRequest, parts: QuerySet[Suborder], format: str, which: str
) -> HttpResponse:
    """The file, which holds names and phones: the trail says who took it."""
    write, content_type = FORMATS[format]
    moment = localtime(clock.now())
    name = f"to-ship-{which}-{moment:%Y%m%d-%H%M}.{format}"
    with transaction.atomic():
        record_run(
            action="export_to_ship",
            kind="orders.to_ship",
            number=f"{moment:%Y%m%d%H%M%S}",
            label=name,
            outcome={"rows": parts.count()},
            actor=request.user.get_username(),
        )
        content = write(parts)
    return HttpResponse(
        content,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )


@admin.register(Suborder)
class SuborderAdmin(FoundByOrder, SuborderChanges, ReadOnlyAdmin):
    """What each warehouse ships of an order."""

    list_display = (
        "order_no", "status_badge", "warehouse", "partner", "consignee", "total_amount", "paid_at",
    )  # fmt: skip
    list_filter = (
        ToShipFilter,
        ("status", ChoicesDropdownFilter),
        ("warehouse", AutocompleteSelectFilter),
        ("order__partner", AutocompleteSelectFilter),
        ("order__created_at", RangeDateFilter),
    )
    list_select_related = ("warehouse", "order__partner")
    order_path = "order_id"
    own_numbers = ("order_no",)
    search_help_text = ORDER_SEARCH
    ordering = ("-id",)
    fields = (
        ("order_no", "status"),
        ("order_link", "warehouse"),
        ("consignee", "address"),
        ("goods_amount", "freight_amount"),
        ("total_amount", "refunded_amount"),
        ("split_from", "refunded_freight_amount"),
        ("paid_at", "shipped_at"),
        ("delivered_at", "completed_at"),
        "receipt_due_at",
    )
    readonly_fields = ("order_link", "consignee", "address", "paid_at")
    inlines = (LineInline, ShipmentInline, ClosureInline, SplitInline)
    actions_detail = ("ship", *SuborderChanges.change_actions)
    actions_row = ("ship",)
    actions_list = ("export_to_ship",)
    actions = ("export_selected",)

    def has_ship_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may add shipments."""
        return bool(request.user.has_perm("orders.add_shipment"))

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[Any]:
        """Nothing to ship where nothing is left; a list offers it for every row."""
        actions = super().get_actions_detail(request, object_id)
        part = self.get_object(request, str(object_id))
        may_ship = part is not None and part.status in SHIPPABLE
        return [one for one in actions if may_ship or one.path != "ship"]

    @action(
        description=_("Ship"),
        permissions=["ship"],
        icon="local_shipping",
        is_primary=True,
    )
    def ship(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A parcel leaves the warehouse."""
        part: Suborder = self.get_row(request, object_id)
        order = part.order
        lines = list(part.lines.order_by("line_no"))
        left = [line for line in lines if line.left_quantity]
        back_to = reverse("admin:orders_suborder_change", args=(part.pk,))
        if part.status not in SHIPPABLE or not left:
            return go_back(request, back_to, lines)

        def call(values: Values) -> type_of_text:
            shipment = ship_suborder(
                suborder_no=part.order_no,
                carrier_code=values["carrier"].code,
                waybill_no=values["waybill_no"],
                quantities=values["quantities"],
                shipped_at=values["shipped_at"],
                actor=request.user.get_username(),
                now=clock.now(),
            )
            return _("Shipment %(number)s is on its way") % {"number": shipment.shipment_no}

        return answer_form_page(
            self,
            request,
            form_class=partial(ShipForm, lines=left),
            title=_("Ship"),
            submit=_("Ship"),
            call=call,
            back_to=back_to,
            subject=part,
            extra_context={
                "facts": [
                    (_("status"), part.get_status_display()),
                    (_("warehouse"), part.warehouse),
                    (_("partner"), order.partner),
                    (_("consignee"), f"{order.consignee_name} {order.consignee_phone}"),
                    (_("address"), self.address(part)),
                ]
            },
        )

    @action(
        description=_("Export what is to be shipped"),
        permissions=["ship"],
        url_path="to-ship",
        icon="download",
    )
    def export_to_ship(self, request: HttpRequest) -> HttpResponse:
        """A file for a warehouse."""

        def call(values: Values) -> HttpResponse:
            warehouse = values["warehouse"]
            parts = list_to_ship()
            if warehouse is not None:
                parts = parts.filter(warehouse=warehouse)
            return _answer_file(
                request, parts, values["format"], warehouse.code if warehouse else "all"
            )

        return answer_form_page(
            self,
            request,
            form_class=ToShipForm,
            title=_("Export what is to be shipped"),
            submit=_("Download"),
            call=call,
            back_to=reverse("admin:orders_suborder_changelist"),
            intro=_(
                "One row a suborder. Fill in carrier and waybill number and bring the file back as "
                "an import of shipments; rows left blank are left out. For several parcels of one "
                "suborder copy the row and divide what stands under lines."
            ),
        )

    @action(description=_("Export what is to be shipped of the selected"), permissions=["ship"])
    def export_selected(self, request: HttpRequest, chosen: QuerySet[Suborder]) -> HttpResponse:
        """A file of some suborders, for one warehouse or several."""
        parts = list_to_ship().filter(pk__in=chosen.values("pk"))
        return _answer_file(request, parts, ToShipForm.XLSX, "selected")

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def status_badge(self, part: Suborder) -> tuple[str, str]:
        """A badge."""
        return part.status, part.get_status_display()

    @display(description=_("order"))
    def order_link(self, part: Suborder) -> SafeString:
        """The order as a whole."""
        return link_to("orders_order_change", part.order_id, part.order.order_no)

    @display(description=_("partner"), ordering="order__partner__code")
    def partner(self, part: Suborder) -> str:
        """Whose order it is."""
        return str(part.order.partner)

    @display(description=_("consignee"))
    def consignee(self, part: Suborder) -> str:
        """Name and phone, until they are erased."""
        if part.order.consignee_erased_at is not None:
            return gettext("Erased")
        return f"{part.order.consignee_name} {part.order.consignee_phone}"

    @display(description=_("address"))
    def address(self, part: Suborder) -> str:
        """Region and address, until it is erased."""
        return f"{part.order.consignee_region_name} {part.order.consignee_address}"

    @display(description=_("paid at"), ordering="order__paid_at")
    def paid_at(self, part: Suborder) -> str:
        """When the order was confirmed."""
        paid_at = part.order.paid_at
        return date_format(localtime(paid_at), "DATETIME_FORMAT") if paid_at else ""
