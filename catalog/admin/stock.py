"""Warehouses and what lies in them in the back office."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet, Sum
from django.forms import BaseInlineFormSet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
    RangeNumericFilter,
)

from catalog.admin.chosen_skus import ChosenSkus
from catalog.forms import (
    PHYSICAL,
    SELLABLE,
    SET_TO,
    CorrectForm,
    CorrectManyForm,
    CountForm,
)
from catalog.models import (
    SkuRegion,
    Stock,
    StockMovement,
    Warehouse,
)
from catalog.services.changes import hint_stock
from catalog.services.counting import correct_many, correct_stock, count_stock
from catalog.services.warehouses import hint_area
from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ModelAdmin, PartsInline, ReadOnlyAdmin
from openplatform.core.errors import type_of_text

CAUSE_COLOURS = {
    "count": "info",
    "correction": "warning",
    "reserved": "info",
    "released": "success",
    "paid": "info",
    "shipped": "success",
    "restocked": "success",
    "written_off": "warning",
    "taken_over": "info",
    "returned": "success",
    "returned_off": "warning",
}


NAMES_IN_A_ROW = 8
AREA_FIELDS = {"serves", "excludes"}


class SkuRegionFormSet(BaseInlineFormSet):  # type: ignore[type-arg] # Django's own is not generic at run time
    """Where a SKU is delivered turns the stock answers of its regions."""

    def save(self, commit: bool = True) -> Any:
        """Save, and have the answers compared with what merchants were told."""
        saved = super().save(commit)
        if commit and (self.new_objects or self.changed_objects or self.deleted_objects):
            hint_stock(sku_ids=[self.instance.pk])
        return saved


class SkuRegionInline(PartsInline):
    """The regions that a SKU is not delivered to, or alone; for its page."""

    model = SkuRegion
    formset = SkuRegionFormSet
    verbose_name = _("delivery restriction")
    verbose_name_plural = _("delivery restrictions")
    autocomplete_fields = ("region",)
    fields = ("kind", "region")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SkuRegion]:
        """With the regions."""
        limits: QuerySet[SkuRegion] = super().get_queryset(request)
        return limits.select_related("region").order_by("kind", "region_id")


@admin.register(Warehouse)
class WarehouseAdmin(ModelAdmin):
    """Warehouses and the regions that they ship to."""

    list_display = ("code", "name", "region", "priority", "area")
    list_select_related = ("region",)
    search_fields = ("code", "name", "region__path_name")
    search_help_text = _("Code, name or region")
    readonly_on_change = ("code",)
    autocomplete_fields = ("region", "serves", "excludes")
    readonly_fields = ("whole_area",)
    fieldsets = (
        (
            None,
            {"fields": ("code", "name", "region", "serves", "excludes", "whole_area", "priority")},
        ),
        (
            _("Returns"),
            {
                "fields": (("return_name", "return_phone"), "return_address"),
                "description": _(
                    "Where merchants send goods back to that this warehouse shipped. A claim keeps"
                    " what stands here when its return is approved; without all three no return"
                    " can be approved."
                ),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Warehouse]:
        """With the served and the excluded regions."""
        warehouses: QuerySet[Warehouse] = super().get_queryset(request)
        return warehouses.prefetch_related("serves", "excludes")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the regions, too; merchants hear where answers turn by that."""
        super().save_related(request, form, formsets, change)
        if change and AREA_FIELDS.intersection(form.changed_data):
            hint_area(warehouse_id=form.instance.pk)

    @display(description=_("ships to"))
    def area(self, warehouse: Warehouse) -> str:
        """By name; the first few of many."""
        return _area_of(warehouse, most=NAMES_IN_A_ROW)

    @display(description=_("ships to"))
    def whole_area(self, warehouse: Warehouse) -> str:
        """By full name, as it was saved."""
        return _area_of(warehouse) if warehouse.pk else str(_("everywhere"))


def _area_of(warehouse: Warehouse, *, most: int | None = None) -> str:
    """The area in words: what is served, and what is left out of it."""
    served = _names_of(warehouse.serves.all(), most) or str(_("everywhere"))
    excluded = _names_of(warehouse.excludes.all(), most)
    if not excluded:
        return served
    return _("%(served)s, but not to: %(excluded)s") % {"served": served, "excluded": excluded}


def _names_of(regions: Any, most: int | None) -> str:
    names = sorted(region.path_name if most is None else region.name for region in regions)
    shown = "、".join(names[:most])
    return shown if most is None or len(names) <= most else f"{shown} … ({len(names)})"


class ShortageFilter(DropdownFilter):
    """Rows of which more is reserved or paid than the last count found."""

    title = _("shortage")
    parameter_name = "short"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Some, or none."""
        return [("yes", _("Units are short")), ("no", _("Nothing is short"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Stock]) -> QuerySet[Stock]:
        """Those rows, or the others."""
        if self.value() == "yes":
            return queryset.filter(shortage_quantity__gt=0)
        if self.value() == "no":
            return queryset.filter(shortage_quantity=0)
        return queryset


@admin.register(Stock)
class StockAdmin(ChosenSkus, ReadOnlyAdmin):
    """Stock: changed by a count, which leaves a movement, and by orders."""

    list_display = (
        "sku", "warehouse", "on_hand", "reserved", "sellable", "outgoing", "safety_quantity",
        "shortage",
    )  # fmt: skip
    list_filter = (
        ("warehouse", AutocompleteSelectFilter),
        ShortageFilter,
        ("on_hand", RangeNumericFilter),
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
        _("on hand"): Sum("on_hand", default=0),
        _("reserved"): Sum("reserved", default=0),
        _("outgoing"): Sum("outgoing", default=0),
    }
    actions = ("choose_correction",)
    actions_detail = ("count", "correct")
    actions_row = ("count", "correct")

    def get_urls(self) -> list[URLPattern]:
        """With the page that corrects many rows."""
        page = self.admin_site.admin_view(self.correct_chosen)
        own = [path("correct-many/", page, name="catalog_stock_correct_many")]
        return [*own, *super().get_urls()]

    @action(description=_("Correct stock…"), permissions=["count"])
    def choose_correction(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """On to the page where the number is entered."""
        return self.go_with_chosen(request, queryset, reverse("admin:catalog_stock_correct_many"))

    def correct_chosen(self, request: HttpRequest) -> HttpResponse:
        """Set many rows to a number, or change them by one."""
        if not self.has_count_permission(request):
            raise PermissionDenied
        stock_ids = self.get_chosen_ids(request)
        if not stock_ids:
            raise Http404

        def call(values: Values) -> type_of_text:
            is_set = values["kind"] == SET_TO
            outcome = correct_many(
                stock_ids=stock_ids,
                on_hand=values["number"] if is_set else None,
                delta=None if is_set else values["number"],
                document_no=values["document_no"],
                actor=request.user.get_username(),
                now=clock.now(),
            )
            text = _("Rows changed: %(updated)d; as they were: %(unchanged)d")
            return text % outcome._asdict()

        return answer_form_page(
            self,
            request,
            form_class=CorrectManyForm,
            title=_("Correct stock"),
            submit=_("Book the correction"),
            call=call,
            back_to=reverse("admin:catalog_stock_changelist"),
            intro=ngettext(
                "Chosen: %(count)d row.",
                "Chosen: %(count)d rows. All of them are changed, or none.",
                len(stock_ids),
            )
            % {"count": len(stock_ids)},
        )

    @action(description=_("Correct"), permissions=["count"], icon="exposure")
    def correct(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Add units that were found, or take off lost ones."""
        stock: Stock = self.get_row(request, object_id)

        def call(values: Values) -> type_of_text:
            corrected = correct_stock(
                stock_id=stock.pk,
                delta=values["delta"],
                expected_on_hand=values["expected_on_hand"],
                document_no=values["document_no"],
                actor=request.user.get_username(),
            )
            return _numbers_of(corrected)

        return answer_form_page(
            self,
            request,
            form_class=CorrectForm,
            title=_("Correct stock"),
            submit=_("Book the correction"),
            call=call,
            back_to=reverse("admin:catalog_stock_change", args=(stock.pk,)),
            initial={"expected_on_hand": stock.on_hand},
            extra_context=_heading_of(stock),
        )

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
            return _numbers_of(counted)

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
            extra_context=_heading_of(stock),
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


def _numbers_of(stock: Stock) -> type_of_text:
    text = _("On hand %(on_hand)d, reserved %(reserved)d, shortage %(shortage)d")
    return text % {
        "on_hand": stock.on_hand,
        "reserved": stock.reserved,
        "shortage": stock.shortage_quantity,
    }


def _heading_of(stock: Stock) -> dict[str, Any]:
    return {
        "heading": f"{stock.sku} · {stock.warehouse}",
        "facts": [
            (_("on hand"), stock.on_hand),
            (_("reserved"), stock.reserved),
            (_("outgoing"), stock.outgoing),
            (_("on hand and outgoing"), stock.on_hand + stock.outgoing),
        ],
    }


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
