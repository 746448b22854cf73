"""What operators did to paid orders, in lists and on the pages of suborders."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter

from openplatform.core.admin.decorators import display
from openplatform.core.admin.model_admins import ReadOnlyAdmin, ReadOnlyInline
from orders.admin.badges import link_to
from orders.admin.searching import FoundByOrder
from orders.models import Closure, ClosureLine, Split


class ClosureLineInline(ReadOnlyInline):
    """How many units of which line."""

    model = ClosureLine
    verbose_name_plural = _("closed lines")
    fields = ("line", "quantity", "amount")
    tab = False
    show_change_link = False


@admin.register(Closure)
class ClosureAdmin(FoundByOrder, ReadOnlyAdmin):
    """Units that were paid and closed before shipment, each with its refund."""

    list_display = (
        "closure_no", "suborder_link", "partner", "amount", "is_restocked", "reason", "actor",
        "created_at",
    )  # fmt: skip
    list_filter = (
        ("suborder__order__partner", AutocompleteSelectFilter),
        ("created_at", RangeDateFilter),
    )
    list_select_related = ("suborder__order__partner",)
    order_path = "suborder__order_id"
    own_numbers = ("closure_no",)
    search_help_text = _("Number of a closure or order")
    ordering = ("-id",)
    fields = (
        ("closure_no", "suborder_link"), ("goods_amount", "freight_amount"),
        ("amount", "is_restocked"), "reason", ("actor", "created_at"),
    )  # fmt: skip
    readonly_fields = ("suborder_link",)
    inlines = (ClosureLineInline,)

    @display(description=_("suborder"), ordering="suborder__order_no")
    def suborder_link(self, closure: Closure) -> SafeString:
        """Whose units they were."""
        return link_to("orders_suborder_change", closure.suborder_id, closure.suborder.order_no)

    @display(description=_("partner"))
    def partner(self, closure: Closure) -> str:
        """Who got the refund."""
        return str(closure.suborder.order.partner)


class ClosureInline(ReadOnlyInline):
    """What was closed of a suborder."""

    model = Closure
    verbose_name_plural = _("closures")
    fields = (
        "closure_no", "goods_amount", "freight_amount", "amount", "is_restocked", "reason",
        "actor", "created_at",
    )  # fmt: skip
    tab = False


class SplitInline(ReadOnlyInline):
    """What was split off a suborder, and where it moved."""

    model = Split
    fk_name = "source"
    verbose_name_plural = _("splits and moves")
    fields = (
        "suborder", "from_warehouse", "to_warehouse", "goods_amount", "freight_amount", "reason",
        "actor", "created_at",
    )  # fmt: skip
    tab = False
    show_change_link = False
