"""Warehouses and what lies in them in the back office."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
    RangeNumericFilter,
)

from catalog.forms import (
    PHYSICAL,
    SELLABLE,
    CountForm,
)
from catalog.models import (
    Stock,
    StockMovement,
    Warehouse,
)
from catalog.services.counting import count_stock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ModelAdmin, ReadOnlyAdmin
from openplatform.core.errors import type_of_text

CAUSE_COLOURS = {
    "count": "info",
    "correction": "warning",
    "reserved": "info",
    "released": "success",
    "paid": "info",
    "shipped": "success",
}


@admin.register(Warehouse)
class WarehouseAdmin(ModelAdmin):
    """Warehouses and the regions that they serve."""

    list_display = ("code", "name", "region", "priority", "served")
    list_select_related = ("region",)
    search_fields = ("code", "name", "region__path_name")
    search_help_text = _("Code, name or region")
    readonly_on_change = ("code",)
    autocomplete_fields = ("region", "serves")
    fields = ("code", "name", "region", "serves", "priority", "return_address")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Warehouse]:
        """With the served regions."""
        warehouses: QuerySet[Warehouse] = super().get_queryset(request)
        return warehouses.prefetch_related("serves")

    @display(description=_("served regions"))
    def served(self, warehouse: Warehouse) -> str:
        """By name; the first few of many."""
        names = [region.name for region in warehouse.serves.all()]
        if not names:
            return str(_("everywhere"))
        shown = "、".join(names[:8])
        return shown if len(names) <= 8 else f"{shown} … ({len(names)})"  # noqa: PLR2004 - a row


@admin.register(Stock)
class StockAdmin(ReadOnlyAdmin):
    """Stock: changed by a count, which leaves a movement, and by orders."""

    list_display = (
        "sku", "warehouse", "on_hand", "reserved", "sellable", "outgoing", "safety_quantity",
        "shortage",
    )  # fmt: skip
    list_filter = (
        ("warehouse", AutocompleteSelectFilter),
        ("on_hand", RangeNumericFilter),
        ("shortage_quantity", RangeNumericFilter),
    )
    list_select_related = ("sku", "warehouse")
    search_fields = ("sku__code", "sku__name")
    search_help_text = _("SKU code or name")
    ordering = ("sku__code", "warehouse__code")
    fields = (
        ("sku", "warehouse"), ("on_hand", "reserved"), ("sellable", "outgoing"),
        ("safety_quantity", "shortage_quantity"),
    )  # fmt: skip
    readonly_fields = ("sellable",)
    list_before_template = "backoffice/totals.html"
    totals = {
        _("on hand"): Sum("on_hand"),
        _("reserved"): Sum("reserved"),
        _("outgoing"): Sum("outgoing"),
    }
    actions_detail = ("count",)
    actions_row = ("count",)

    def has_count_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may change stock, though never by editing a number."""
        return bool(request.user.has_perm("catalog.change_stock"))

    @action(
        description=_("Enter a count"),
        permissions=["count"],
        icon="fact_check",
        is_primary=True,
    )
    def count(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Set the stock to what was counted."""
        stock: Stock = self.get_row(request, object_id)

        def call(values: Values) -> type_of_text:
            counted = count_stock(
                stock_id=stock.pk,
                on_hand=values["on_hand"],
                expected_on_hand=values["expected_on_hand"],
                is_physical=values["kind"] == PHYSICAL,
                safety_quantity=values["safety_quantity"],
                document_no=values["document_no"],
                actor=request.user.get_username(),
            )
            text = _("On hand %(on_hand)d, reserved %(reserved)d, shortage %(shortage)d")
            return text % {
                "on_hand": counted.on_hand,
                "reserved": counted.reserved,
                "shortage": counted.shortage_quantity,
            }

        return answer_form_page(
            self,
            request,
            form_class=CountForm,
            title=_("Enter a count"),
            submit=_("Book the count"),
            call=call,
            back_to=reverse("admin:catalog_stock_change", args=(stock.pk,)),
            initial={
                "kind": SELLABLE,
                "expected_on_hand": stock.on_hand,
                "safety_quantity": stock.safety_quantity,
            },
            extra_context={
                "heading": f"{stock.sku} · {stock.warehouse}",
                "facts": [
                    (_("on hand"), stock.on_hand),
                    (_("reserved"), stock.reserved),
                    (_("outgoing"), stock.outgoing),
                    (_("on hand and outgoing"), stock.on_hand + stock.outgoing),
                ],
            },
        )

    @display(description=_("sellable"))
    def sellable(self, stock: Stock) -> int:
        """What can still be promised."""
        return max(stock.on_hand - stock.reserved - stock.safety_quantity, 0)

    @display(description=_("shortage"), ordering="shortage_quantity", label={"short": "danger"})
    def shortage(self, stock: Stock) -> tuple[str, str] | str:
        """Red when the last count did not find what is reserved."""
        if stock.shortage_quantity:
            return "short", str(stock.shortage_quantity)
        return "0"


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnlyAdmin):
    """Why stock changed."""

    list_display = (
        "created_at", "sku", "warehouse", "cause_badge", "on_hand_change", "reserved_change",
        "outgoing_change", "document_no", "actor",
    )  # fmt: skip
    list_filter = (
        ("cause", ChoicesDropdownFilter),
        ("stock__warehouse", AutocompleteSelectFilter),
        ("created_at", RangeDateFilter),
    )
    list_select_related = ("stock__sku", "stock__warehouse")
    search_fields = ("stock__sku__code", "document_no")
    search_help_text = _("SKU code or document number")
    fields = (
        ("sku", "warehouse"), "cause", ("on_hand_change", "reserved_change", "outgoing_change"),
        "document_no", "actor", "created_at",
    )  # fmt: skip
    readonly_fields = ("sku", "warehouse")

    @display(description=_("SKU"), ordering="stock__sku__code")
    def sku(self, movement: StockMovement) -> str:
        """Code and name."""
        return str(movement.stock.sku)

    @display(description=_("warehouse"))
    def warehouse(self, movement: StockMovement) -> str:
        """Code and name."""
        return str(movement.stock.warehouse)

    @display(description=_("cause"), ordering="cause", label=CAUSE_COLOURS)
    def cause_badge(self, movement: StockMovement) -> tuple[str, str]:
        """A badge."""
        return movement.cause, movement.get_cause_display()
