"""Pools, who sees them, and agreed prices in the back office."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    RangeDateFilter,
)

from catalog.forms import (
    AssignForm,
    CurateForm,
    PurchasePriceForm,
)
from catalog.models import (
    Pool,
    PoolAssignment,
    PoolMembership,
    PurchasePrice,
)
from catalog.services.membership import assign_partners, curate_pool
from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ModelAdmin, ReadOnlyInline
from openplatform.core.errors import type_of_text


class MembershipInline(ReadOnlyInline):
    """The SKUs in a pool, newest first."""

    model = PoolMembership
    verbose_name_plural = _("SKUs")
    ordering = ("-id",)
    per_page = 50
    fields = ("code", "name", "sale_price", "shelf_state", "created_at")
    readonly_fields = ("code", "name", "sale_price", "shelf_state")
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[PoolMembership]:
        """With the SKUs."""
        memberships: QuerySet[PoolMembership] = super().get_queryset(request)
        return memberships.select_related("sku")

    @display(description=_("code"))
    def code(self, membership: PoolMembership) -> SafeString:
        """A link to the SKU."""
        url = reverse("admin:catalog_sku_change", args=(membership.sku_id,))
        return format_html('<a href="{}">{}</a>', url, membership.sku.code)

    @display(description=_("name"))
    def name(self, membership: PoolMembership) -> str:
        """Of the SKU."""
        return membership.sku.name

    @display(description=_("sale price"))
    def sale_price(self, membership: PoolMembership) -> str:
        """Of the SKU."""
        return f"{membership.sku.sale_price:,.2f}"

    @display(description=_("shelf state"))
    def shelf_state(self, membership: PoolMembership) -> str:
        """Of the SKU."""
        return membership.sku.get_shelf_state_display()


class AssignmentInline(ReadOnlyInline):
    """The partners that see a pool."""

    model = PoolAssignment
    verbose_name_plural = _("partners")
    fields = ("partner", "created_at")
    show_change_link = False


@admin.register(Pool)
class PoolAdmin(ModelAdmin):
    """Pools: the SKUs and partners change on pages of their own, which tell the merchants."""

    list_display = ("code", "name", "purpose", "sku_count", "partner_count")
    search_fields = ("code", "name", "purpose")
    search_help_text = _("Code, name or purpose")
    fields = ("code", "name", "purpose")
    readonly_on_change = ("code",)
    inlines = (MembershipInline, AssignmentInline)
    actions_detail = ("curate", "assign")
    actions_row = ("curate", "assign")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pool]:
        """With the numbers of SKUs and partners."""
        pools: QuerySet[Pool] = super().get_queryset(request)
        return pools.annotate(
            skus_in_it=Count("memberships", distinct=True),
            partners_of_it=Count("assignments", distinct=True),
        )

    @action(
        description=_("Add or remove SKUs"),
        permissions=["change"],
        icon="playlist_add",
        is_primary=True,
    )
    def curate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take SKUs in and out by their codes."""
        pool: Pool = self.get_row(request, object_id)

        def call(values: Values) -> type_of_text:
            curate_pool(
                pool_code=pool.code,
                add=values["add"],
                remove=values["remove"],
                actor=request.user.get_username(),
            )
            return _("The pool holds %(count)d SKUs now") % {"count": pool.memberships.count()}

        return answer_form_page(
            self,
            request,
            form_class=CurateForm,
            title=_("Add or remove SKUs"),
            submit=_("Change the pool"),
            call=call,
            back_to=reverse("admin:catalog_pool_change", args=(pool.pk,)),
            subject=pool,
            intro=_("Codes that are in the pool already, or not, stay as they are."),
        )

    @action(
        description=_("Choose partners"),
        permissions=["change"],
        icon="group_add",
    )
    def assign(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Open the pool to partners, or close it to them."""
        pool: Pool = self.get_row(request, object_id)

        def call(values: Values) -> type_of_text:
            codes = [partner.code for partner in values["partners"]]
            assign_partners(
                pool_code=pool.code, partner_codes=codes, actor=request.user.get_username()
            )
            return _("The pool is open to %(count)d partners now") % {"count": len(codes)}

        return answer_form_page(
            self,
            request,
            form_class=AssignForm,
            title=_("Choose partners"),
            submit=_("Open the pool to these"),
            call=call,
            back_to=reverse("admin:catalog_pool_change", args=(pool.pk,)),
            initial={"partners": list(pool.assignments.values_list("partner_id", flat=True))},
            subject=pool,
            intro=_("Each partner is told which SKUs came into its sight or left it."),
        )

    @display(description=_("SKUs"), ordering="skus_in_it")
    def sku_count(self, pool: Pool) -> int:
        """How many it holds."""
        count: int = pool.skus_in_it  # type: ignore[attr-defined] # annotated above
        return count

    @display(description=_("partners"), ordering="partners_of_it")
    def partner_count(self, pool: Pool) -> int:
        """How many see it."""
        count: int = pool.partners_of_it  # type: ignore[attr-defined] # annotated above
        return count


@admin.register(PurchasePrice)
class PurchasePriceAdmin(ModelAdmin):
    """Agreements on prices."""

    form = PurchasePriceForm
    list_display = (
        "sku", "partner", "fixed_price", "discount_percent", "starts_at", "ends_at", "updated_at",
    )  # fmt: skip
    list_filter = (
        ("partner", AutocompleteSelectFilter),
        ("starts_at", RangeDateFilter),
    )
    list_select_related = ("sku", "partner")
    search_fields = ("sku__code", "sku__name", "partner__code", "partner__name")
    search_help_text = _("SKU or partner")
    ordering = ("-id",)
    readonly_on_change = ("partner", "sku")
    autocomplete_fields = ("partner", "sku")
    fields = ("partner", "sku", ("fixed_price", "discount_percent"), "starts_at", "ends_at")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new one starts now."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        return {"starts_at": clock.now().replace(microsecond=0), **initial}

    def save_model(
        self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool
    ) -> None:
        """With its stamp."""
        if not change:
            obj.updated_at = clock.now()
        super().save_model(request, obj, form, change)

    def set_on_change(self, request: HttpRequest, obj: Any, edited: list[str]) -> list[str]:
        """The stamp follows every edit."""
        if not edited:
            return []
        obj.updated_at = clock.now()
        return ["updated_at"]
