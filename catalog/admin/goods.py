"""Brands, products and SKUs in the back office."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, F, Model, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeNumericFilter,
)

from catalog.admin.categories import BelowFilter
from catalog.admin.images import PictureActions, SkuImageInline, save_images
from catalog.admin.pools import PoolActions, PoolChangeInline
from catalog.admin.shelf import ShelfActions
from catalog.admin.sku_prices import PriceActions
from catalog.admin.stock import SkuRegionInline
from catalog.forms.goods import (
    BrandForm,
    ProductForm,
    SkuForm,
    attribute_name,
    chosen_category,
)
from catalog.forms.pairs import show_pairs
from catalog.models import (
    Brand,
    PoolMembership,
    Product,
    PurchasePrice,
    Sku,
    SkuImage,
    Stock,
)
from catalog.selectors.search import search_skus
from catalog.services.goods import add_product, add_sku, edit_brand, edit_product, edit_sku
from catalog.services.products import sanitised
from catalog.services.shelf import set_shelf_state
from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import faults_of
from openplatform.core.admin.model_admins import ModelAdmin, ReadOnlyInline
from openplatform.core.errors import DomainError

SHELF_COLOURS = {"on_shelf": "success", "off_shelf": "warning"}
# Nothing runs in the frame, nothing leads out of it, and it loads pictures only.
PREVIEW_POLICY = "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'"


@admin.register(Brand)
class BrandAdmin(ModelAdmin):
    """Brands."""

    form = BrandForm
    fields = ("name",)
    list_display = ("name", "product_count")
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Brand]:
        """With the number of products."""
        brands: QuerySet[Brand] = super().get_queryset(request)
        return brands.annotate(products_in_it=Count("products"))

    def save_model(
        self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool
    ) -> None:
        """Another name is told to whoever sees goods of the brand."""
        if not change:
            super().save_model(request, obj, form, change)
        elif "name" in form.changed_data:
            edit_brand(brand_id=obj.pk, name=obj.name, now=clock.now())

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
    fields = ("code", "name", "specs_shown", "shelf_state", "sale_price", "updated_at")
    readonly_fields = ("specs_shown",)

    @display(description=_("specs"))
    def specs_shown(self, sku: Sku) -> str:
        """In one line."""
        return ", ".join(show_pairs(sku.specs).splitlines()) or "—"


@admin.register(Product)
class ProductAdmin(ModelAdmin):
    """Products. The attributes of the category are fields of the page."""

    form = ProductForm
    list_display = ("code", "name", "category", "brand", "unit", "sku_count")
    list_filter = (
        ("category", BelowFilter), ("brand", AutocompleteSelectFilter),
    )  # fmt: skip
    list_select_related = ("category", "brand")
    search_fields = ("code", "name", "skus__code")
    search_help_text = _("Code, name or SKU code")
    readonly_on_change = ("code",)
    readonly_fields = ("description_preview", "shown_attributes")
    autocomplete_fields = ("category", "brand")
    inlines = (SkuInline,)
    actions_detail = ("add_sku_to_it",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        """With the number of SKUs."""
        products: QuerySet[Product] = super().get_queryset(request)
        return products.annotate(skus_of_it=Count("skus"))

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """With the attributes of the category that is chosen, or was."""
        form = ProductForm.of_category(self._category_of(request, obj))
        return super().get_form(request, obj, change, **{"form": form, **kwargs})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The attributes in a part of their own."""
        main = ["code", "name", ("category", "brand"), "unit"]
        attributes: list[Any] = ["shown_attributes"]
        if self._may_edit(request, obj):
            form = ProductForm.of_category(self._category_of(request, obj))
            attributes = [attribute_name(one) for one in form.category_attributes]
            attributes += ["other_attributes", "shown_category"]
        description = ["description", *(["description_preview"] if obj else [])]
        return [
            (None, {"fields": main}),
            (_("Attributes"), {"fields": attributes}),
            (_("Description"), {"fields": description}),
        ]

    def _may_edit(self, request: HttpRequest, obj: Any) -> bool:
        if obj is None:
            return bool(self.has_add_permission(request))
        return bool(self.has_change_permission(request, obj))

    def _category_of(self, request: HttpRequest, obj: Any) -> int | None:
        sent = request.POST if request.method == "POST" else request.GET
        return chosen_category(sent.get("category"), obj)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What a link names, if there can be such a category."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        return initial | {"category": chosen_category(initial.get("category"), None)}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """What merchants see of each SKU moves with its product."""
        if change:
            edit_product(
                product_id=obj.pk,
                fields=form.changed_columns(),
                attributes=form.changed_attributes(),
                now=clock.now(),
            )
        else:
            obj.attributes = form.new_attributes()
            add_product(product=obj)

    @action(
        description=_("Add a SKU"),
        permissions=["add_sku"],
        icon="add",
    )
    def add_sku_to_it(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """On to the page that adds one."""
        product: Product = self.get_row(request, object_id)
        return HttpResponseRedirect(f"{reverse('admin:catalog_sku_add')}?product={product.pk}")

    def has_add_sku_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Whoever may add SKUs."""
        return request.user.has_perm("catalog.add_sku")

    @display(description=_("SKUs"), ordering="skus_of_it")
    def sku_count(self, product: Product) -> int:
        """How many variants."""
        count: int = product.skus_of_it  # type: ignore[attr-defined] # annotated above
        return count

    @display(description=_("attributes"))
    def shown_attributes(self, product: Product) -> str:
        """For those who may only look."""
        return show_pairs(product.attributes) or "—"

    @display(description=_("Preview"))
    def description_preview(self, product: Product) -> SafeString | str:
        """As it is saved, in a frame in which nothing can happen."""
        stored = Product.objects.filter(pk=product.pk).values_list("description", flat=True).first()
        if not stored:
            return "—"
        page = format_html(
            '<meta http-equiv="Content-Security-Policy" content="{}"><base target="_blank">'
            "<style>body {{ font: 14px/1.6 sans-serif; color: #111; margin: 12px }}"
            " img {{ max-width: 100%; height: auto }}</style>",
            PREVIEW_POLICY,
        )
        return format_html(
            '<iframe sandbox referrerpolicy="no-referrer" title="{}" srcdoc="{}"'
            ' class="border border-base-200 rounded-default dark:border-base-700"'
            ' style="background: #fff; height: 22rem; max-width: 56rem; width: 100%"></iframe>',
            _("Preview"),
            # Not marked as safe: the attribute escapes it, and the frame reads it as HTML.
            str(page) + sanitised(stored),
        )


class SkuStockInline(ReadOnlyInline):
    """Where the SKU lies."""

    model = Stock
    verbose_name_plural = _("stock")
    fields = (
        "warehouse", "on_hand", "reserved", "outgoing", "safety_quantity", "shortage_quantity",
    )  # fmt: skip


class SkuPriceInline(ReadOnlyInline):
    """Agreements on the price of the SKU that are in force, or will be."""

    model = PurchasePrice
    verbose_name_plural = _("purchase prices")
    ordering = ("-starts_at",)
    fields = ("partner", "fixed_price", "discount_percent", "starts_at", "ends_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PurchasePrice]:
        """Without what was replaced."""
        prices: QuerySet[PurchasePrice] = super().get_queryset(request)
        return prices.filter(superseded_at=None)


class SkuPoolInline(ReadOnlyInline):
    """Pools that show the SKU."""

    model = PoolMembership
    verbose_name_plural = _("pools")
    fields = ("pool", "created_at")
    show_change_link = False


@admin.register(Sku)
class SkuAdmin(PictureActions, PoolActions, PriceActions, ShelfActions, ModelAdmin):
    """SKUs: their content is edited here; the shelf and the prices have actions of their own."""

    form = SkuForm
    list_display = (
        "title", "category", "brand", "market_price", "sale_price", "floor_price", "sellable",
        "shelf_badge", "updated_at",
    )  # fmt: skip
    list_filter = (
        ("product__category", BelowFilter),
        ("product__brand", AutocompleteSelectFilter),
        ("memberships__pool", AutocompleteSelectFilter),
        ("shelf_state", ChoicesDropdownFilter),
        ("sale_price", RangeNumericFilter),
    )
    list_select_related = ("product__category", "product__brand")
    search_fields = ("code", "name", "barcode", "product__code", "product__brand__name")
    search_help_text = _("Code, name, barcode, product or brand")
    readonly_fields = ("created_at", "updated_at")
    readonly_on_change = (
        "code", "shelf_state", "market_price", "sale_price", "cost_price", "floor_price",
    )  # fmt: skip
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
    inlines = (
        SkuImageInline, SkuStockInline, SkuRegionInline, SkuPriceInline, SkuPoolInline,
        PoolChangeInline,
    )  # fmt: skip
    actions = (
        "put_on_shelf", "take_off_shelf", "choose_shelf_time", "choose_prices", "choose_pool",
    )  # fmt: skip
    actions_detail = ("change_sku_prices", "show_price_history", "add_pictures")

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

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the index over name, code, barcode and brand, and by the product's code."""
        if not search_term.strip():
            return queryset, False
        found = search_skus(queryset, search_term)
        of_product = queryset.filter(product__code__iexact=search_term.strip())
        return found | of_product, False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody: a SKU is taken off the shelf instead."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """What differs is written and told."""
        if change:
            edit_sku(sku_id=obj.pk, fields=form.changed_columns(), now=clock.now())
        else:
            add_sku(sku=obj, actor=request.user.get_username(), now=clock.now())

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Pictures are kept in order by a step of their own."""
        if formset.model is SkuImage:
            save_images(sku=form.instance, formset=formset, actor=request.user.get_username())
        else:
            super().save_formset(request, form, formset, change)

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
        text = ngettext(
            "%(state)s: %(count)d SKU moved, the others were so already",
            "%(state)s: %(count)d SKUs moved, the others were so already",
            len(moved),
        )
        self.message_user(request, text % {"state": state.label, "count": len(moved)})

    @display(description=_("SKU"), ordering="code", is_header=True)
    def title(self, sku: Sku) -> tuple[str, str]:
        """Name over code."""
        return sku.name, sku.code

    @display(description=_("category"), ordering="product__category__name")
    def category(self, sku: Sku) -> str:
        """By its name."""
        return sku.product.category.name

    @display(description=_("brand"), ordering="product__brand__name")
    def brand(self, sku: Sku) -> str:
        """By its name."""
        return sku.product.brand.name if sku.product.brand else "—"

    @display(description=_("sellable"), ordering="sellable_units")
    def sellable(self, sku: Sku) -> int:
        """Over all warehouses."""
        units: int = sku.sellable_units  # type: ignore[attr-defined] # annotated above
        return max(units, 0)

    @display(description=_("shelf state"), ordering="shelf_state", label=SHELF_COLOURS)
    def shelf_badge(self, sku: Sku) -> tuple[str, str]:
        """A badge."""
        return sku.shelf_state, sku.get_shelf_state_display()
