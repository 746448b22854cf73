"""Pools: who sees which part of the range, and what a merchant makes of it."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from catalog.models.codes import code_field
from catalog.models.goods import Brand, Category, Sku
from openplatform.core.model_fields import AmountField


class Pool(models.Model):
    """A part of the range that is opened to some partners."""

    code = code_field()
    name = models.CharField(_("name"), max_length=120)
    purpose = models.CharField(_("purpose"), max_length=255, blank=True)

    class Meta:
        verbose_name = _("pool")
        verbose_name_plural = _("pools")
        ordering = ("code",)

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class PoolMembership(models.Model):
    """A SKU in a pool, picked by hand or brought by a rule.

    Written by ``catalog/services/membership.py`` only.
    """

    pool = models.ForeignKey(
        Pool, models.PROTECT, related_name="memberships", verbose_name=_("pool")
    )
    sku = models.ForeignKey(Sku, models.PROTECT, related_name="memberships", verbose_name=_("SKU"))
    is_picked = models.BooleanField(
        _("picked by hand"), db_default=True, help_text=_("Stays when no rule brings it")
    )
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("pool membership")
        verbose_name_plural = _("pool memberships")
        constraints = [
            models.UniqueConstraint(fields=["sku", "pool"], name="pool_membership_unique")
        ]

    def __str__(self) -> str:
        return f"{self.pool.code} {self.sku.code}"


class PoolRule(models.Model):
    """SKUs that meet every condition of a rule are in its pool, unless they are excluded."""

    pool = models.ForeignKey(Pool, models.PROTECT, related_name="rules", verbose_name=_("pool"))
    category = models.ForeignKey(
        Category,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("category"),
        help_text=_("With everything below it"),
    )
    brand = models.ForeignKey(
        Brand, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("brand")
    )
    min_price = AmountField(
        _("sale price from"), null=True, blank=True, help_text=_("This price included")
    )
    max_price = AmountField(
        _("sale price to"), null=True, blank=True, help_text=_("This price included")
    )
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("pool rule")
        verbose_name_plural = _("pool rules")
        ordering = ("pool", "id")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(category__isnull=False)
                | models.Q(brand__isnull=False)
                | models.Q(min_price__isnull=False)
                | models.Q(max_price__isnull=False),
                name="pool_rule_has_condition",
            ),
            models.CheckConstraint(
                condition=models.Q(min_price__isnull=True)
                | models.Q(max_price__isnull=True)
                | models.Q(max_price__gte=models.F("min_price")),
                name="pool_rule_price_range",
            ),
        ]

    def __str__(self) -> str:
        conditions = [
            str(self.category) if self.category else "",
            str(self.brand) if self.brand else "",
            f"≥ {self.min_price}" if self.min_price is not None else "",
            f"≤ {self.max_price}" if self.max_price is not None else "",
        ]
        return " · ".join(filter(None, conditions))


class PoolExclusion(models.Model):
    """A SKU that never is in a pool, whatever brings it there."""

    pool = models.ForeignKey(
        Pool, models.PROTECT, related_name="exclusions", verbose_name=_("pool")
    )
    sku = models.ForeignKey(Sku, models.PROTECT, related_name="exclusions", verbose_name=_("SKU"))
    actor = models.CharField(_("by"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("pool exclusion")
        verbose_name_plural = _("pool exclusions")
        constraints = [
            models.UniqueConstraint(fields=["sku", "pool"], name="pool_exclusion_unique")
        ]

    def __str__(self) -> str:
        return f"{self.pool.code} {self.sku.code}"


class PoolChange(models.Model):
    """Who put which SKU into a pool, or took it out. Append-only."""

    class Kind(models.TextChoices):
        ADDED = "added", _("Added")
        REMOVED = "removed", _("Removed")

    class Cause(models.TextChoices):
        PICKED = "picked", _("By hand")
        RULE = "rule", _("By a rule")
        EXCLUDED = "excluded", _("Excluded")
        FILE = "file", _("By a file")

    pool = models.ForeignKey(Pool, models.PROTECT, related_name="changes", verbose_name=_("pool"))
    sku = models.ForeignKey(Sku, models.PROTECT, related_name="pool_changes", verbose_name=_("SKU"))
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    cause = models.CharField(_("cause"), max_length=16, choices=Cause)
    actor = models.CharField(_("by"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("pool change")
        verbose_name_plural = _("pool changes")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.pool.code} {self.sku.code} {self.get_kind_display()}"


class PoolHint(models.Model):
    """Something that rules look at has moved: of this SKU, or the rules of this pool.

    Taken up, and deleted, by :func:`catalog.services.pool_rules.apply_pool_rules`.
    """

    sku = models.ForeignKey(
        Sku, models.CASCADE, null=True, db_index=False, related_name="+", verbose_name=_("SKU")
    )
    pool = models.ForeignKey(
        Pool, models.CASCADE, null=True, db_index=False, related_name="+", verbose_name=_("pool")
    )

    class Meta:
        verbose_name = _("pool hint")
        verbose_name_plural = _("pool hints")

    def __str__(self) -> str:
        return f"{self.pool_id} {self.sku_id}"


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


class SkuStamp(models.Model):
    """When a SKU last changed for one partner alone: by coming into its sight, by its own price.

    Written by :func:`catalog.services.changes.stamp_skus` only. What changes for everybody moves
    ``Sku.updated_at``; the later of the two counts. Every SKU that a partner sees has one, from
    when it came into sight. A pool of 50,000 that 25 partners see writes a million at once, which
    would take four times as long if the database checked what each row points to; nothing that
    they point to is ever deleted.
    """

    partner = models.ForeignKey(
        "accounts.Partner",
        models.CASCADE,
        db_index=False,
        db_constraint=False,
        related_name="+",
        verbose_name=_("partner"),
    )
    sku = models.ForeignKey(
        Sku,
        models.CASCADE,
        db_index=False,
        db_constraint=False,
        related_name="stamps",
        verbose_name=_("SKU"),
    )
    # The SKU's, which never changes: lists by update come in the order of time and code.
    code = models.CharField(_("code"), max_length=64, editable=False)
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("SKU stamp")
        verbose_name_plural = _("SKU stamps")
        constraints = [models.UniqueConstraint(fields=["sku", "partner"], name="sku_stamp_unique")]
        indexes = [
            models.Index(fields=["partner", "changed_at", "code"], name="sku_stamp_changed_at")
        ]

    def __str__(self) -> str:
        return f"{self.partner_id} {self.sku_id}"


class SelectedSku(models.Model):
    """A SKU that a merchant really sells, as it says itself."""

    partner = models.ForeignKey(
        "accounts.Partner",
        models.CASCADE,
        db_index=False,
        related_name="selected_skus",
        verbose_name=_("partner"),
    )
    sku = models.ForeignKey(Sku, models.CASCADE, related_name="selected_by", verbose_name=_("SKU"))

    class Meta:
        verbose_name = _("selected SKU")
        verbose_name_plural = _("selected SKUs")
        constraints = [
            models.UniqueConstraint(fields=["partner", "sku"], name="selected_sku_unique")
        ]

    def __str__(self) -> str:
        return f"{self.partner_id} {self.sku_id}"


class Selection(models.Model):
    """What a merchant wants to be told: with a row here that says so, of its selected SKUs only."""

    partner = models.OneToOneField(
        "accounts.Partner",
        models.CASCADE,
        primary_key=True,
        related_name="selection",
        verbose_name=_("partner"),
    )
    only_these_messages = models.BooleanField(_("messages of these only"), default=False)

    class Meta:
        verbose_name = _("selection")
        verbose_name_plural = _("selections")

    def __str__(self) -> str:
        return str(self.partner_id)
