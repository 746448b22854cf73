"""Categories, products and their SKUs: what there is, and how it is described."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from catalog.models.codes import code_field
from openplatform.core.model_fields import AmountField


class Category(models.Model):
    """A node of the category tree. ``path`` holds the primary keys from the root to itself."""

    code = code_field()
    name = models.CharField(_("name"), max_length=120)
    parent = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="children",
        verbose_name=_("parent"),
    )
    level = models.PositiveSmallIntegerField(_("level"), editable=False)
    path = ArrayField(models.BigIntegerField(), editable=False, verbose_name=_("path"))

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ("code",)

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class CategoryAttribute(models.Model):
    """What products of a category, and of every category below it, tell about themselves."""

    category = models.ForeignKey(
        Category, models.CASCADE, related_name="attributes", verbose_name=_("category")
    )
    name = models.CharField(_("name"), max_length=100)
    is_required = models.BooleanField(_("required"), default=False)
    choices = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        verbose_name=_("choices"),
        help_text=_("None: any text"),
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("category attribute")
        verbose_name_plural = _("category attributes")
        ordering = ("category", "position", "id")
        constraints = [
            models.UniqueConstraint(fields=["category", "name"], name="category_attribute_unique")
        ]

    def __str__(self) -> str:
        return self.name


class Brand(models.Model):
    """A brand."""

    name = models.CharField(_("name"), max_length=120, unique=True)

    class Meta:
        verbose_name = _("brand")
        verbose_name_plural = _("brands")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """What several SKUs have in common."""

    code = code_field()
    name = models.CharField(_("name"), max_length=255)
    category = models.ForeignKey(
        Category, models.PROTECT, related_name="products", verbose_name=_("category")
    )
    brand = models.ForeignKey(
        Brand,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="products",
        verbose_name=_("brand"),
    )
    unit = models.CharField(_("unit"), max_length=16, blank=True)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    description = models.TextField(
        _("description"), blank=True, help_text=_("HTML; scripts and styles are taken out")
    )

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ("code",)

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class FormerPlacement(models.Model):
    """Where a product, or a SKU by itself, stood until it was moved; where a product stands now is
    its own.

    What a SKU cost on some day depends on the category and brand of that day. One that goes over to
    another product takes along where it stood until then; from then on it stood where that product
    did.
    """

    product = models.ForeignKey(
        Product,
        models.CASCADE,
        null=True,
        related_name="former_placements",
        verbose_name=_("product"),
    )
    sku = models.ForeignKey(
        "Sku",
        models.CASCADE,
        null=True,
        db_index=False,
        related_name="former_placements",
        verbose_name=_("SKU"),
    )
    category_path = ArrayField(models.BigIntegerField(), verbose_name=_("path"))
    brand = models.ForeignKey(
        Brand, models.PROTECT, null=True, related_name="+", verbose_name=_("brand")
    )
    until_at = models.DateTimeField(_("until"))

    class Meta:
        verbose_name = _("former placement")
        verbose_name_plural = _("former placements")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(product__isnull=True) ^ models.Q(sku__isnull=True),
                name="former_placement_of_product_or_sku",
            )
        ]
        indexes = [
            models.Index(fields=["product", "until_at"], name="former_placement_product"),
            models.Index(
                fields=["sku", "until_at"],
                name="former_placement_sku",
                condition=models.Q(sku__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku or self.product} {self.until_at:%Y-%m-%d}"


class Sku(models.Model):
    """What can be ordered: one variant of a product."""

    class ShelfState(models.TextChoices):
        ON_SHELF = "on_shelf", _("On shelf")
        OFF_SHELF = "off_shelf", _("Off shelf")

    code = code_field()
    product = models.ForeignKey(
        Product, models.PROTECT, related_name="skus", verbose_name=_("product")
    )
    name = models.CharField(_("name"), max_length=255)
    specs = models.JSONField(_("specs"), default=dict, blank=True)
    weight_grams = models.PositiveIntegerField(_("weight (g)"), default=0)
    barcode = models.CharField(_("barcode"), max_length=32, blank=True)
    tax_rate = models.DecimalField(
        _("tax rate"),
        max_digits=5,
        decimal_places=4,
        default=Decimal("0.13"),
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_("0.13 means 13 %"),
    )
    min_quantity = models.PositiveIntegerField(
        _("minimum quantity"), default=1, validators=[MinValueValidator(1)]
    )
    quantity_step = models.PositiveIntegerField(
        _("quantity step"),
        default=1,
        validators=[MinValueValidator(1)],
        help_text=_("A quantity is a multiple of the step"),
    )
    shelf_state = models.CharField(
        _("shelf state"), max_length=16, choices=ShelfState, default=ShelfState.ON_SHELF
    )
    market_price = AmountField(_("market price"))
    sale_price = AmountField(_("sale price"))
    cost_price = AmountField(_("cost price"), null=True, blank=True)
    floor_price = AmountField(_("floor price"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())
    updated_at = models.DateTimeField(
        _("updated at"), db_default=Now(), help_text=_("Content, price or shelf state moved")
    )

    class Meta:
        verbose_name = _("SKU")
        verbose_name_plural = _("SKUs")
        ordering = ("code",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(sale_price__gt=0, market_price__gt=0),
                name="sku_prices_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(cost_price__isnull=True) | models.Q(cost_price__gte=0),
                name="sku_cost_price_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(floor_price__isnull=True) | models.Q(floor_price__gt=0),
                name="sku_floor_price_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(min_quantity__gte=1, quantity_step__gte=1),
                name="sku_min_quantity_and_step_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(tax_rate__gte=0, tax_rate__lte=1), name="sku_tax_rate_range"
            ),
        ]
        indexes = [
            models.Index(fields=["updated_at", "code"], name="sku_updated_at"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class SkuSearch(models.Model):
    """What a SKU is found by. Written by triggers of migration 0005 only, as a column would be.

    It stands apart, because every update of a row writes to all of its indexes, and one of all
    pairs of characters costs more than the rest of a change of prices.
    """

    sku = models.OneToOneField(
        Sku, models.CASCADE, primary_key=True, related_name="search", verbose_name=_("SKU")
    )
    words = models.TextField(
        _("words"), help_text=_("Name, code, barcode and brand, each on its line, folded")
    )

    class Meta:
        verbose_name = _("search text")
        verbose_name_plural = _("search texts")
        indexes = [
            # Every character and every pair of neighbours, by a function of migration 0003.
            GinIndex(
                models.Func(models.F("words"), function="catalog_grams"), name="sku_search_grams"
            )
        ]

    def __str__(self) -> str:
        return self.words


class SkuImage(models.Model):
    """A picture: at somebody's address, or uploaded and kept by us. Position 0 is the main one.

    ``sizes`` of an uploaded one: ``[{"width", "height", "file"}]``, the smallest first.
    """

    sku = models.ForeignKey(Sku, models.CASCADE, related_name="images", verbose_name=_("SKU"))
    url = models.URLField(_("address"), max_length=500, blank=True)
    file = models.CharField(_("stored file"), max_length=100, blank=True, editable=False)
    sizes = models.JSONField(_("sizes"), default=list, blank=True, editable=False)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    width = models.PositiveIntegerField(_("width"), null=True, blank=True)
    height = models.PositiveIntegerField(_("height"), null=True, blank=True)

    class Meta:
        verbose_name = _("image")
        verbose_name_plural = _("images")
        ordering = ("sku", "position")
        constraints = [
            models.UniqueConstraint(fields=["sku", "position"], name="sku_image_position_unique"),
            models.CheckConstraint(
                condition=models.Q(url="") ^ models.Q(file=""), name="sku_image_url_or_file"
            ),
        ]
        indexes = [
            models.Index(fields=["file"], name="sku_image_file", condition=~models.Q(file=""))
        ]

    def __str__(self) -> str:
        return self.url or self.file


class ShelfChange(models.Model):
    """A SKU goes on the shelf or off it at a set time. Without ``applied_at`` it is to come."""

    sku = models.ForeignKey(
        Sku, models.PROTECT, related_name="shelf_changes", verbose_name=_("SKU")
    )
    shelf_state = models.CharField(_("shelf state"), max_length=16, choices=Sku.ShelfState)
    effective_at = models.DateTimeField(_("effective at"))
    applied_at = models.DateTimeField(_("applied at"), null=True, editable=False)
    actor = models.CharField(_("by"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("scheduled listing")
        verbose_name_plural = _("scheduled listings")
        ordering = ("-effective_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["sku", "effective_at"],
                name="shelf_change_unique",
                condition=models.Q(applied_at__isnull=True),
            )
        ]
        indexes = [
            models.Index(
                fields=["effective_at"],
                name="shelf_change_due",
                condition=models.Q(applied_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.sku.code} {self.get_shelf_state_display()}"
