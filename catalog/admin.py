"""The range, pools, prices, warehouses and stock in the back office."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, F, Model, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
    RangeNumericFilter,
)

from catalog.forms import (
    PHYSICAL,
    SELLABLE,
    AssignForm,
    CountForm,
    CurateForm,
    ProductForm,
    PurchasePriceForm,
    SkuForm,
)
from catalog.models import (
    Brand,
    Category,
    Pool,
    PoolAssignment,
    PoolMembership,
    Product,
    PurchasePrice,
    Sku,
    SkuImage,
    Stock,
    StockMovement,
    Warehouse,
)
from catalog.services.categories import CategoryDraft, save_categories
from catalog.services.counting import count_stock
from catalog.services.membership import assign_partners, curate_pool
from catalog.services.products import sanitised
from catalog.services.shelf import set_shelf_state
from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page, faults_of
from openplatform.core.admin.model_admins import ModelAdmin, ReadOnlyAdmin, ReadOnlyInline
from openplatform.core.errors import DomainError, type_of_text

SHELF_COLOURS = {"on_shelf": "success", "off_shelf": "warning"}
CAUSE_COLOURS = {
    "count": "info",
    "correction": "warning",
    "reserved": "info",
    "released": "success",
    "paid": "info",
    "shipped": "success",
}


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
