"""Categories, brands, products and SKUs in the back office."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, F, Model, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeNumericFilter,
)

from catalog.forms import (
    ProductForm,
    SkuForm,
)
from catalog.models import (
    Brand,
    Category,
    PoolMembership,
    Product,
    PurchasePrice,
    Sku,
    SkuImage,
    Stock,
)
from catalog.services.categories import CategoryDraft, save_categories
from catalog.services.products import sanitised
from catalog.services.shelf import set_shelf_state
from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import faults_of
from openplatform.core.admin.model_admins import ModelAdmin, ReadOnlyInline
from openplatform.core.errors import DomainError

SHELF_COLOURS = {"on_shelf": "success", "off_shelf": "warning"}


@admin.register(Category)
class CategoryAdmin(ModelAdmin):
    """The tree. Moving a category takes what is below it along."""

    list_display = ("code", "indented_name", "level", "product_count")
    list_filter = (("parent", AutocompleteSelectFilter),)
    search_fields = ("code", "name")
    search_help_text = _("Code or name")
    ordering = ("path",)
    readonly_on_change = ("code",)
    fields = ("code", "name", "parent")
    autocomplete_fields = ("parent",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        """With the number of products."""
        categories: QuerySet[Category] = super().get_queryset(request)
        return categories.annotate(products_in_it=Count("products"))

    def save_model(
        self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool
    ) -> None:
        """Through the step that keeps levels and paths in order."""
        parent = obj.parent.code if obj.parent else None
        save_categories(drafts=[CategoryDraft(code=obj.code, name=obj.name, parent=parent)])
        obj.pk = Category.objects.values_list("pk", flat=True).get(code=obj.code)
        obj._state.adding = False
        obj.refresh_from_db()

    @display(description=_("name"), ordering="name")
    def indented_name(self, category: Category) -> SafeString:
        """Deeper ones further to the right."""
        return format_html(
            '<span style="padding-left: {}em">{}</span>', 1.5 * (category.level - 1), category.name
        )

    @display(description=_("products"), ordering="products_in_it")
    def product_count(self, category: Category) -> int:
        """Of this category itself."""
        count: int = category.products_in_it  # type: ignore[attr-defined] # annotated above
        return count


@admin.register(Brand)
class BrandAdmin(ModelAdmin):
    """Brands."""

    list_display = ("name", "product_count")
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Brand]:
        """With the number of products."""
        brands: QuerySet[Brand] = super().get_queryset(request)
        return brands.annotate(products_in_it=Count("products"))

    @display(description=_("products"), ordering="products_in_it")
    def product_count(self, brand: Brand) -> int:
        """Of this brand."""
        count: int = brand.products_in_it  # type: ignore[attr-defined] # annotated above
        return count


class SkuInline(ReadOnlyInline):
    """The SKUs of a product."""

    model = Sku
    verbose_name_plural = _("SKUs")
    ordering = ("code",)
    fields = ("code", "name", "shelf_state", "market_price", "sale_price", "updated_at")


@admin.register(Product)
class ProductAdmin(ModelAdmin):
    """Products."""

    form = ProductForm
    list_display = ("code", "name", "category", "brand", "unit", "sku_count")
    list_filter = (
        ("category", AutocompleteSelectFilter), ("brand", AutocompleteSelectFilter),
    )  # fmt: skip
    list_select_related = ("category", "brand")
    search_fields = ("code", "name", "skus__code")
    search_help_text = _("Code, name or SKU code")
    readonly_on_change = ("code",)
    fields = ("code", "name", ("category", "brand"), "unit", "attributes", "description")
    autocomplete_fields = ("category", "brand")
    inlines = (SkuInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        """With the number of SKUs."""
        products: QuerySet[Product] = super().get_queryset(request)
        return products.annotate(skus_of_it=Count("skus"))

    def save_model(
        self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool
    ) -> None:
        """What merchants see of each SKU moves with its product."""
        obj.description = sanitised(obj.description)
        super().save_model(request, obj, form, change)
        if change and form.changed_data:
            obj.skus.update(updated_at=clock.now())

    @display(description=_("SKUs"), ordering="skus_of_it")
    def sku_count(self, product: Product) -> int:
        """How many variants."""
        count: int = product.skus_of_it  # type: ignore[attr-defined] # annotated above
        return count


class SkuImageInline(TabularInline):
    """Pictures by address."""

    model = SkuImage
    extra = 0
    fields = ("position", "url", "width", "height")
    tab = True

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """An address without a scheme means https."""
        if db_field.name == "url":
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)


class SkuStockInline(ReadOnlyInline):
    """Where the SKU lies."""

    model = Stock
    verbose_name_plural = _("stock")
    fields = (
        "warehouse", "on_hand", "reserved", "outgoing", "safety_quantity", "shortage_quantity",
    )  # fmt: skip


class SkuPriceInline(ReadOnlyInline):
    """Agreements on the price of the SKU."""

    model = PurchasePrice
    verbose_name_plural = _("purchase prices")
    ordering = ("-starts_at",)
    fields = ("partner", "fixed_price", "discount_percent", "starts_at", "ends_at")


class SkuPoolInline(ReadOnlyInline):
    """Pools that show the SKU."""

    model = PoolMembership
    verbose_name_plural = _("pools")
    fields = ("pool", "created_at")
    show_change_link = False


@admin.register(Sku)
class SkuAdmin(ModelAdmin):
    """SKUs: their content is edited here; the shelf has actions of its own."""

    form = SkuForm
    list_display = (
        "title", "category", "market_price", "sale_price", "floor_price", "sellable", "shelf_badge",
        "updated_at",
    )  # fmt: skip
    list_filter = (
        ("shelf_state", ChoicesDropdownFilter),
        ("product__category", AutocompleteSelectFilter),
        ("memberships__pool", AutocompleteSelectFilter),
        ("sale_price", RangeNumericFilter),
    )
    list_select_related = ("product__category",)
    search_fields = ("code", "name", "barcode", "product__code", "product__name")
    search_help_text = _("Code, name, barcode or product")
    readonly_fields = ("created_at", "updated_at")
    readonly_on_change = ("code", "shelf_state")
    autocomplete_fields = ("product",)
    add_fieldsets = (
        (None, {"fields": (("code", "shelf_state"), "product", "name", "specs")}),
        (_("Prices"), {"fields": (("market_price", "sale_price"), ("cost_price", "floor_price"))}),
        (
            _("Ordering"),
            {
                "fields": (
                    ("min_quantity", "quantity_step"), ("tax_rate", "weight_grams"), "barcode",
                )
            },
        ),
    )  # fmt: skip
    fieldsets = (*add_fieldsets, (_("Times"), {"fields": (("created_at", "updated_at"),)}))
    inlines = (SkuImageInline, SkuStockInline, SkuPriceInline, SkuPoolInline)
    actions = ("put_on_shelf", "take_off_shelf")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sku]:
        """With the units that can still be sold, over all warehouses."""
        skus: QuerySet[Sku] = super().get_queryset(request)
        stock = (
            Stock.objects.filter(sku=OuterRef("pk"))
            .order_by()
            .values("sku")
            .annotate(total=Sum(F("on_hand") - F("reserved") - F("safety_quantity")))
        )
        return skus.annotate(sellable_units=Coalesce(Subquery(stock.values("total")), 0))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody: a SKU is taken off the shelf instead."""
        return False

    def save_model(
        self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool
    ) -> None:
        """With its stamps."""
        if not change:
            obj.created_at = obj.updated_at = clock.now()
        super().save_model(request, obj, form, change)

    def set_on_change(self, request: HttpRequest, obj: Any, edited: list[str]) -> list[str]:
        """Every edit moves the stamp by which merchants find what changed."""
        if not edited:
            return []
        obj.updated_at = clock.now()
        return ["updated_at"]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Other pictures move the stamp, too."""
        super().save_related(request, form, formsets, change)
        if change and any(formset.has_changed() for formset in formsets):
            Sku.objects.filter(pk=form.instance.pk).update(updated_at=clock.now())

    @action(
        description=_("Put on the shelf"),
        permissions=["change"],
    )
    def put_on_shelf(self, request: HttpRequest, queryset: QuerySet[Sku]) -> None:
        """They can be ordered."""
        self._set_shelf_state(request, queryset, Sku.ShelfState.ON_SHELF)

    @action(
        description=_("Take off the shelf"),
        permissions=["change"],
    )
    def take_off_shelf(self, request: HttpRequest, queryset: QuerySet[Sku]) -> None:
        """They cannot be ordered any more."""
        self._set_shelf_state(request, queryset, Sku.ShelfState.OFF_SHELF)

    def _set_shelf_state(
        self, request: HttpRequest, queryset: QuerySet[Sku], state: Sku.ShelfState
    ) -> None:
        try:
            moved = set_shelf_state(
                sku_codes=list(queryset.values_list("code", flat=True)),
                state=state,
                actor=request.user.get_username(),
                now=clock.now(),
            )
        except DomainError as error:
            for fault in faults_of(error):
                self.message_user(request, str(fault.detail), messages.ERROR)
            return
        text = _("%(state)s: %(count)d SKUs moved, the others were so already")
        self.message_user(request, text % {"state": state.label, "count": len(moved)})

    @display(description=_("SKU"), ordering="code", is_header=True)
    def title(self, sku: Sku) -> tuple[str, str]:
        """Name over code."""
        return sku.name, sku.code

    @display(description=_("category"), ordering="product__category__name")
    def category(self, sku: Sku) -> str:
        """By its name."""
        return sku.product.category.name

    @display(description=_("sellable"), ordering="sellable_units")
    def sellable(self, sku: Sku) -> int:
        """Over all warehouses."""
        units: int = sku.sellable_units  # type: ignore[attr-defined] # annotated above
        return max(units, 0)

    @display(description=_("shelf state"), ordering="shelf_state", label=SHELF_COLOURS)
    def shelf_badge(self, sku: Sku) -> tuple[str, str]:
        """A badge."""
        return sku.shelf_state, sku.get_shelf_state_display()
