"""The range, who sees which part of it at what price, and where the goods lie."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from openplatform.core.model_fields import AmountField

CODE_PATTERN = r"\A[A-Za-z0-9._-]{1,64}\Z"
MAX_QUANTITY = 1_000_000


def _code_field(**kwargs: object) -> models.CharField[str, str]:
    return models.CharField(
        _("code"), max_length=64, unique=True, validators=[RegexValidator(CODE_PATTERN)]
    )


class Category(models.Model):
    """A node of the category tree. ``path`` holds the primary keys from the root to itself."""

    code = _code_field()
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

    code = _code_field()
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


class Sku(models.Model):
    """What can be ordered: one variant of a product."""

    class ShelfState(models.TextChoices):
        ON_SHELF = "on_shelf", _("On shelf")
        OFF_SHELF = "off_shelf", _("Off shelf")

    code = _code_field()
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

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class SkuImage(models.Model):
    """A picture by address. Position 0 is the main one."""

    sku = models.ForeignKey(Sku, models.CASCADE, related_name="images", verbose_name=_("SKU"))
    url = models.URLField(_("address"), max_length=500)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    width = models.PositiveIntegerField(_("width"), null=True, blank=True)
    height = models.PositiveIntegerField(_("height"), null=True, blank=True)

    class Meta:
        verbose_name = _("image")
        verbose_name_plural = _("images")
        ordering = ("sku", "position")
        constraints = [
            models.UniqueConstraint(fields=["sku", "position"], name="sku_image_position_unique")
        ]

    def __str__(self) -> str:
        return self.url


class Pool(models.Model):
    """A part of the range that is opened to some partners."""

    code = _code_field()
    name = models.CharField(_("name"), max_length=120)
    purpose = models.CharField(_("purpose"), max_length=255, blank=True)

    class Meta:
        verbose_name = _("pool")
        verbose_name_plural = _("pools")
        ordering = ("code",)

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class PoolMembership(models.Model):
    """A SKU in a pool. Written by ``catalog/services/membership.py`` only."""

    pool = models.ForeignKey(
        Pool, models.PROTECT, related_name="memberships", verbose_name=_("pool")
    )
    sku = models.ForeignKey(Sku, models.PROTECT, related_name="memberships", verbose_name=_("SKU"))
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("pool membership")
        verbose_name_plural = _("pool memberships")
        constraints = [
            models.UniqueConstraint(fields=["sku", "pool"], name="pool_membership_unique")
        ]

    def __str__(self) -> str:
        return f"{self.pool.code} {self.sku.code}"


class PoolAssignment(models.Model):
    """A partner who sees a pool. Written by ``catalog/services/membership.py`` only."""

    pool = models.ForeignKey(
        Pool, models.PROTECT, related_name="assignments", verbose_name=_("pool")
    )
    partner = models.ForeignKey(
        "accounts.Partner",
        models.PROTECT,
        related_name="pool_assignments",
        verbose_name=_("partner"),
    )
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("pool assignment")
        verbose_name_plural = _("pool assignments")
        constraints = [
            models.UniqueConstraint(fields=["partner", "pool"], name="pool_assignment_unique")
        ]

    def __str__(self) -> str:
        return f"{self.pool.code} {self.partner.code}"


class PurchasePrice(models.Model):
    """A partner's own price of a SKU by agreement: fixed, or a percentage of the sale price.

    Of several in force, the one that started last counts. Without any, the sale price does.
    """

    partner = models.ForeignKey(
        "accounts.Partner",
        models.PROTECT,
        related_name="purchase_prices",
        verbose_name=_("partner"),
    )
    sku = models.ForeignKey(
        Sku, models.PROTECT, related_name="purchase_prices", verbose_name=_("SKU")
    )
    fixed_price = AmountField(_("fixed price"), null=True, blank=True)
    discount_percent = models.DecimalField(
        _("percent of the sale price"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        help_text=_("85 means 85 % of the sale price"),
    )
    starts_at = models.DateTimeField(_("starts at"), db_default=Now())
    ends_at = models.DateTimeField(_("ends at"), null=True, blank=True)
    updated_at = models.DateTimeField(_("updated at"), db_default=Now())

    class Meta:
        verbose_name = _("purchase price")
        verbose_name_plural = _("purchase prices")
        constraints = [
            models.UniqueConstraint(
                fields=["sku", "partner", "starts_at"], name="purchase_price_start_unique"
            ),
            models.CheckConstraint(
                condition=(
                    models.Q(fixed_price__gt=0, discount_percent__isnull=True)
                    | models.Q(
                        fixed_price__isnull=True, discount_percent__gt=0, discount_percent__lte=100
                    )
                ),
                name="purchase_price_fixed_or_percent",
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__isnull=True)
                | models.Q(ends_at__gt=models.F("starts_at")),
                name="purchase_price_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.partner.code} {self.sku.code}"


class Warehouse(models.Model):
    """A place that ships. Without served regions it ships everywhere."""

    code = _code_field()
    name = models.CharField(_("name"), max_length=120)
    region = models.ForeignKey(
        "regions.Region", models.PROTECT, related_name="+", verbose_name=_("region")
    )
    serves = models.ManyToManyField(
        "regions.Region",
        blank=True,
        related_name="+",
        verbose_name=_("served regions"),
        help_text=_("Of any level; none means everywhere"),
    )
    priority = models.IntegerField(
        _("priority"), default=0, help_text=_("The higher one ships first")
    )
    return_address = models.CharField(_("return address"), max_length=255, blank=True)

    class Meta:
        verbose_name = _("warehouse")
        verbose_name_plural = _("warehouses")
        ordering = ("code",)

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Stock(models.Model):
    """A SKU in a warehouse. Changed only by the steps in ``catalog/services/stock.py``.

    What can still be promised is ``on_hand - reserved - safety_quantity``.
    """

    warehouse = models.ForeignKey(
        Warehouse, models.PROTECT, related_name="stocks", verbose_name=_("warehouse")
    )
    sku = models.ForeignKey(
        Sku, models.PROTECT, db_index=False, related_name="stocks", verbose_name=_("SKU")
    )
    on_hand = models.IntegerField(
        _("on hand"), default=0, help_text=_("Sellable or reserved; paid units have left it")
    )
    reserved = models.IntegerField(_("reserved"), default=0)
    outgoing = models.IntegerField(
        _("outgoing"), default=0, help_text=_("Paid and not yet shipped")
    )
    safety_quantity = models.PositiveIntegerField(
        _("safety quantity"), default=0, help_text=_("Never promised to anybody")
    )
    shortage_quantity = models.PositiveIntegerField(
        _("shortage"), default=0, help_text=_("Reserved units that the last count did not find")
    )

    class Meta:
        verbose_name = _("stock")
        verbose_name_plural = _("stock")
        constraints = [
            models.UniqueConstraint(fields=["sku", "warehouse"], name="stock_unique"),
            models.CheckConstraint(
                condition=models.Q(reserved__gte=0, reserved__lte=models.F("on_hand")),
                name="stock_reserved_within_on_hand",
            ),
            models.CheckConstraint(
                condition=models.Q(outgoing__gte=0), name="stock_outgoing_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.warehouse.code} {self.sku.code}"


class StockMovement(models.Model):
    """Why the numbers of a stock row changed. Append-only."""

    class Cause(models.TextChoices):
        COUNT = "count", _("Count")
        CORRECTION = "correction", _("Correction")
        RESERVED = "reserved", _("Reserved by an order")
        RELEASED = "released", _("Released by an order")
        PAID = "paid", _("Paid")
        SHIPPED = "shipped", _("Shipped")

    stock = models.ForeignKey(
        Stock, models.PROTECT, db_index=False, related_name="movements", verbose_name=_("stock")
    )
    cause = models.CharField(_("cause"), max_length=16, choices=Cause)
    on_hand_change = models.IntegerField(_("on hand ±"), default=0)
    reserved_change = models.IntegerField(_("reserved ±"), default=0)
    outgoing_change = models.IntegerField(_("outgoing ±"), default=0)
    document_no = models.CharField(_("document number"), max_length=64, blank=True)
    actor = models.CharField(_("by"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("stock movement")
        verbose_name_plural = _("stock movements")
        ordering = ("-id",)
        indexes = [models.Index(fields=["stock", "id"], name="stock_movement_stock")]

    def __str__(self) -> str:
        return (
            f"{self.get_cause_display()} "
            f"{self.on_hand_change}/{self.reserved_change}/{self.outgoing_change}"
        )
