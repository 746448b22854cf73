"""What SKUs cost: the prices of the house over time, and agreements with partners."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from catalog.models.goods import Brand, Category, Sku
from openplatform.core.model_fields import AmountField


class PriceChange(models.Model):
    """The prices of a SKU from some moment on: all four, as they are set then.

    Without ``applied_at`` the change is to come, and is withdrawn by deleting it; with it, it is
    history. What the SKU holds itself is the latest change that was applied.
    """

    sku = models.ForeignKey(
        Sku, models.PROTECT, db_index=False, related_name="price_changes", verbose_name=_("SKU")
    )
    effective_at = models.DateTimeField(_("effective at"))
    market_price = AmountField(_("market price"))
    sale_price = AmountField(_("sale price"))
    cost_price = AmountField(_("cost price"), null=True, blank=True)
    floor_price = AmountField(_("floor price"), null=True, blank=True)
    applied_at = models.DateTimeField(_("applied at"), null=True, editable=False)
    reason = models.CharField(_("reason"), max_length=255, blank=True)
    actor = models.CharField(_("by"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("price change")
        verbose_name_plural = _("price changes")
        ordering = ("-effective_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(sale_price__gt=0, market_price__gt=0),
                name="price_change_prices_positive",
            ),
            models.UniqueConstraint(
                fields=["sku", "effective_at"],
                name="price_change_to_come_unique",
                condition=models.Q(applied_at__isnull=True),
            ),
        ]
        indexes = [
            # None by time alone: a statement that asks of each SKU what is to come would walk it.
            models.Index(fields=["sku", "effective_at"], name="price_change_sku"),
        ]

    def __str__(self) -> str:
        return f"{self.sku.code} {self.sale_price}"


class PurchasePrice(models.Model):
    """An agreement with a partner: a fixed price of a SKU, or a percentage off the sale price of a
    SKU, a category with everything below it, a brand, or everything.

    SKU comes before deepest category before brand before everything, then the later start. Without
    any, the sale price counts. Rows are versions: an edit supersedes a row and writes another, so
    that the price of any day can be told. One is in force at a moment from the later of
    ``starts_at`` and ``created_at`` until the earlier of ``ends_at`` and ``superseded_at``.
    """

    partner = models.ForeignKey(
        "accounts.Partner",
        models.PROTECT,
        related_name="purchase_prices",
        verbose_name=_("partner"),
    )
    sku = models.ForeignKey(
        Sku,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="purchase_prices",
        verbose_name=_("SKU"),
    )
    category = models.ForeignKey(
        Category,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="purchase_prices",
        verbose_name=_("category"),
        help_text=_("With everything below it"),
    )
    brand = models.ForeignKey(
        Brand,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="purchase_prices",
        verbose_name=_("brand"),
    )
    fixed_price = AmountField(_("fixed price"), null=True, blank=True)
    discount_percent = models.DecimalField(
        _("percent off the sale price"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        help_text=_("15 means 15 % off: 85 % of the sale price is paid"),
    )
    starts_at = models.DateTimeField(_("starts at"), db_default=Now())
    ends_at = models.DateTimeField(_("ends at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())
    superseded_at = models.DateTimeField(_("superseded at"), null=True, editable=False)
    # The next of starts_at and ends_at of which merchants have to be told when it has come.
    next_move_at = models.DateTimeField(_("next move at"), null=True, editable=False)
    actor = models.CharField(_("by"), max_length=150, blank=True)

    class Meta:
        verbose_name = _("purchase price")
        verbose_name_plural = _("purchase prices")
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "sku", "category", "brand", "starts_at"],
                name="purchase_price_start_unique",
                condition=models.Q(superseded_at__isnull=True),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=(
                    models.Q(category__isnull=True, brand__isnull=True)
                    | models.Q(sku__isnull=True, brand__isnull=True)
                    | models.Q(sku__isnull=True, category__isnull=True)
                ),
                name="purchase_price_one_target",
            ),
            models.CheckConstraint(
                condition=(
                    models.Q(sku__isnull=False, fixed_price__gt=0, discount_percent__isnull=True)
                    | models.Q(
                        fixed_price__isnull=True, discount_percent__gte=0, discount_percent__lt=100
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
        indexes = [
            models.Index(
                fields=["sku", "partner", "starts_at"],
                name="purchase_price_of_sku",
                condition=models.Q(superseded_at__isnull=True, sku__isnull=False),
            ),
            models.Index(
                fields=["partner", "starts_at"],
                name="purchase_price_wide",
                condition=models.Q(superseded_at__isnull=True, sku__isnull=True),
            ),
            models.Index(
                fields=["next_move_at"],
                name="purchase_price_due",
                condition=models.Q(superseded_at__isnull=True, next_move_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.partner.code} {self.target}"

    @property
    def target(self) -> str:
        """What it applies to, as import files have it: ``sku:…``, ``category:…``, ``brand:…``,
        ``all``."""
        if self.sku is not None:
            return f"sku:{self.sku.code}"
        if self.category is not None:
            return f"category:{self.category.code}"
        if self.brand is not None:
            return f"brand:{self.brand.name}"
        return "all"
