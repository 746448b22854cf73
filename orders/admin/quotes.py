"""Quotes in the back office."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter

from openplatform.core.admin.decorators import display
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from orders.admin.badges import link_to
from orders.models import Order, Quote


@admin.register(Quote)
class QuoteAdmin(ReadOnlyAdmin):
    """What was promised to merchants, until a day after it expired."""

    list_display = ("quote_id", "partner", "total_amount", "created_at", "expires_at", "used_by")
    list_filter = (("partner", AutocompleteSelectFilter), ("created_at", RangeDateFilter))
    list_select_related = ("partner",)
    search_fields = ("quote_id",)
    fields = (
        ("quote_id", "partner"),
        ("total_amount", "used_by"),
        ("created_at", "expires_at"),
        "plan",
    )
    readonly_fields = ("used_by",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Quote]:
        """With the order that was placed on each."""
        placed = Order.objects.filter(quote_id=OuterRef("quote_id")).exclude(quote_id="")
        quotes: QuerySet[Quote] = super().get_queryset(request)
        return quotes.annotate(
            order_pk=Subquery(placed.values("pk")[:1]),
            order_no=Subquery(placed.values("order_no")[:1]),
        )

    @display(description=_("order"))
    def used_by(self, quote: Quote) -> SafeString | str:
        """A link to it."""
        order_pk: int | None = getattr(quote, "order_pk", None)
        if order_pk is None:
            return "–"
        return link_to("orders_order_change", order_pk, getattr(quote, "order_no", ""))
