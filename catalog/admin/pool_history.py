"""Who put which SKU into which pool, or took it out, and what is excluded."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    FieldTextFilter,
)

from catalog.models import PoolChange, PoolExclusion, Sku
from openplatform.core.admin.day_filter import DayRangeFilter
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.model_admins import ReadOnlyAdmin, ReadOnlyInline

KIND_COLOURS = {"added": "success", "removed": "danger"}
MAX_LINKED = 200


def link_to_sku(sku: Sku) -> SafeString:
    """Its code, which leads to its page."""
    return format_html(
        '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>',
        reverse("admin:catalog_sku_change", args=(sku.pk,)),
        sku.code,
    )


class PoolChangeInline(ReadOnlyInline):
    """On the page of a SKU: who put it into pools, or took it out."""

    model = PoolChange
    verbose_name_plural = _("pool history")
    fields = ("created_at", "pool", "kind", "cause", "actor")
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[PoolChange]:
        """With the pools."""
        changes: QuerySet[PoolChange] = super().get_queryset(request)
        return changes.select_related("pool")


class SkuRowsInline(ReadOnlyInline):
    """On the page of a pool: rows about SKUs."""

    per_page = 20
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[PoolChange]:
        """With the SKUs."""
        rows: QuerySet[PoolChange] = super().get_queryset(request)
        return rows.select_related("sku")

    @display(description=_("SKU"))
    def code(self, row: PoolChange | PoolExclusion) -> SafeString:
        """A link to it."""
        return link_to_sku(row.sku)

    @display(description=_("name"))
    def name(self, row: PoolChange | PoolExclusion) -> str:
        """Of the SKU."""
        return row.sku.name


class HistoryInline(SkuRowsInline):
    """Which SKUs came into a pool and left it, newest first."""

    model = PoolChange
    verbose_name_plural = _("history")
    fields = ("created_at", "code", "name", "kind", "cause", "actor")
    readonly_fields = ("code", "name")


class ExclusionInline(SkuRowsInline):
    """SKUs that never are in a pool."""

    model = PoolExclusion
    verbose_name_plural = _("exclusions")
    fields = ("code", "name", "actor", "created_at")
    readonly_fields = ("code", "name")


class SkuRowsAdmin(ReadOnlyAdmin):
    """Rows that say something of a SKU in a pool."""

    list_select_related = ("pool", "sku")
    search_fields = ("sku__code", "sku__name")
    search_help_text = _("SKU code or name")
    ordering = ("-id",)
    show_full_result_count = False

    @display(description=_("SKU"), ordering="sku__code")
    def code(self, row: PoolChange | PoolExclusion) -> SafeString:
        """A link to it."""
        return link_to_sku(row.sku)

    @display(description=_("name"), ordering="sku__name")
    def name(self, row: PoolChange | PoolExclusion) -> str:
        """Of the SKU."""
        return row.sku.name


@admin.register(PoolChange)
class PoolChangeAdmin(SkuRowsAdmin):
    """The history of all pools, by SKU, pool, person and time."""

    list_display = ("created_at", "pool", "code", "name", "kind_badge", "cause", "actor")
    list_display_links = ("created_at",)
    list_filter = (
        ("pool", AutocompleteSelectFilter),
        ("sku", AutocompleteSelectFilter),
        ("kind", ChoicesDropdownFilter),
        ("cause", ChoicesDropdownFilter),
        ("actor", FieldTextFilter),
        ("created_at", DayRangeFilter),
    )
    fields = ("created_at", "pool", "sku", "kind", "cause", "actor")

    @display(description=_("kind"), ordering="kind", label=KIND_COLOURS)
    def kind_badge(self, change: PoolChange) -> tuple[str, str]:
        """A badge."""
        return change.kind, change.get_kind_display()


@admin.register(PoolExclusion)
class PoolExclusionAdmin(SkuRowsAdmin):
    """What never is in a pool."""

    list_display = ("created_at", "pool", "code", "name", "actor")
    list_display_links = ("created_at",)
    list_filter = (
        ("pool", AutocompleteSelectFilter),
        ("sku", AutocompleteSelectFilter),
        ("actor", FieldTextFilter),
        ("created_at", DayRangeFilter),
    )
    fields = ("created_at", "pool", "sku", "actor")
    actions = ("readmit",)

    def has_readmit_permission(self, request: HttpRequest) -> bool:
        """Whoever may change pools."""
        return bool(request.user.has_perm("catalog.change_pool"))

    @action(description=_("Lift these exclusions…"), permissions=["readmit"])
    def readmit(
        self, request: HttpRequest, queryset: QuerySet[PoolExclusion]
    ) -> HttpResponse | None:
        """On to the pool's page with these SKUs, where what would follow is shown first."""
        rows = list(queryset.values_list("pool_id", "sku__code")[: MAX_LINKED + 1])
        if len(rows) > MAX_LINKED or len({pool_id for pool_id, _code in rows}) != 1:
            text = _("Choose exclusions of one pool, at most %(count)d")
            self.message_user(request, text % {"count": MAX_LINKED}, messages.ERROR)
            return None
        url = reverse("admin:catalog_pool_curate", args=(rows[0][0],))
        codes = ",".join(code for _pool_id, code in rows)
        return HttpResponseRedirect(f"{url}?act=readmit&codes={codes}")
