"""Quotes in the back office."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter

from catalog.models import Warehouse
from openplatform.core.admin.decorators import display
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.regions.models import Region
from orders.admin.badges import link_to
from orders.models import Order, Quote


@admin.register(Quote)
class QuoteAdmin(ReadOnlyAdmin):
    """What was promised to merchants, until an hour after it expired."""

    list_display = ("quote_id", "partner", "total_amount", "created_at", "expires_at", "used_by")
    list_filter = (("partner", AutocompleteSelectFilter), ("created_at", RangeDateFilter))
    list_select_related = ("partner",)
    search_fields = ("quote_id",)
    fields = (
        ("quote_id", "partner"),
        ("total_amount", "used_by"),
        ("created_at", "expires_at"),
        "region",
    )
    readonly_fields = ("used_by", "region")
    change_form_outer_after_template = "backoffice/quote_plan.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Quote]:
        """With the order that was placed on each."""
        placed = Order.objects.filter(quote_id=OuterRef("quote_id")).exclude(quote_id="")
        quotes: QuerySet[Quote] = super().get_queryset(request)
        return quotes.annotate(
            order_pk=Subquery(placed.values("pk")[:1]),
            order_no=Subquery(placed.values("order_no")[:1]),
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With the suborders and lines as they will be frozen."""
        quote = Quote.objects.filter(pk=int(object_id) if object_id.isdecimal() else 0).first()
        context = {"parts": [] if quote is None else _show_plan(quote), **(extra_context or {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    @display(description=_("region"))
    def region(self, quote: Quote) -> str:
        """Where the goods go, by name."""
        code: str = quote.plan["region"]
        names = Region.objects.filter(pk=code).values_list("path_name", flat=True)
        return f"{code} {names.first() or ''}".strip()

    @display(description=_("order"))
    def used_by(self, quote: Quote) -> SafeString | str:
        """A link to it."""
        order_pk: int | None = getattr(quote, "order_pk", None)
        if order_pk is None:
            return "–"
        return link_to("orders_order_change", order_pk, getattr(quote, "order_no", ""))


def _show_plan(quote: Quote) -> list[dict[str, Any]]:
    """The suborders of a kept plan as ``backoffice/quote_plan.html`` shows them: amounts are
    Decimal again, and each has its warehouse and its lines.
    """
    parts, lines = quote.plan["parts"], quote.plan["lines"]
    warehouses = Warehouse.objects.in_bulk([part["warehouse_id"] for part in parts])
    return [
        {
            **part,
            **_decimals(part, "goods_amount", "freight_amount", "total_amount"),
            "warehouse": warehouses.get(part["warehouse_id"], ""),
            "lines": [
                {**line, **_decimals(line, "purchase_price", "amount")}
                for line in lines
                if line["suborder"] == part["order_no"]
            ],
        }
        for part in parts
    ]


def _decimals(row: dict[str, Any], *names: str) -> dict[str, Decimal]:
    return {name: Decimal(row[name]) for name in names}
