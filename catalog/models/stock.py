"""Warehouses, what lies in them, and where it is delivered."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from catalog.models.codes import code_field
from catalog.models.goods import Sku


class Warehouse(models.Model):
    """A place that ships. Without served regions it ships everywhere but to the excluded ones."""

    code = code_field()
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
    excludes = models.ManyToManyField(
        "regions.Region",
        blank=True,
        related_name="+",
        verbose_name=_("excluded regions"),
        help_text=_("Of any level; never shipped to, even within a served region"),
    )
    priority = models.IntegerField(
        _("priority"), default=0, help_text=_("The higher one ships first")
    )
    return_address = models.CharField(_("return address"), max_length=255, blank=True)
    return_name = models.CharField(
        _("who takes returns in"), max_length=64, blank=True, default="", db_default=""
    )
    return_phone = models.CharField(
        _("phone for returns"), max_length=32, blank=True, default="", db_default=""
    )

    class Meta:
        verbose_name = _("warehouse")
        verbose_name_plural = _("warehouses")
        ordering = ("code",)

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class SkuRegion(models.Model):
    """A SKU that is not delivered to a region, or only to the regions named for it."""

    class Kind(models.TextChoices):
        NOT_TO = "not_to", _("Not to")
        ONLY_TO = "only_to", _("Only to")

    sku = models.ForeignKey(Sku, models.CASCADE, related_name="regions", verbose_name=_("SKU"))
    region = models.ForeignKey(
        "regions.Region", models.PROTECT, related_name="+", verbose_name=_("region")
    )
    kind = models.CharField(_("delivery"), max_length=8, choices=Kind, default=Kind.NOT_TO)

    class Meta:
        verbose_name = _("delivery restriction")
        verbose_name_plural = _("delivery restrictions")
        constraints = [models.UniqueConstraint(fields=["sku", "region"], name="sku_region_unique")]

    def __str__(self) -> str:
        return f"{self.sku.code} {self.get_kind_display()} {self.region_id}"


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
        RESTOCKED = "restocked", _("Paid, then closed: restocked")
        WRITTEN_OFF = "written_off", _("Paid, then closed: written off")
        TAKEN_OVER = "taken_over", _("Taken over from another warehouse")
        RETURNED = "returned", _("Returned: restocked")
        RETURN_WRITTEN_OFF = "returned_off", _("Returned: written off")

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
        indexes = [
            models.Index(fields=["stock", "id"], name="stock_movement_stock"),
            # A document corrects a row once.
            models.Index(
                fields=["document_no", "stock"],
                name="stock_movement_correction",
                condition=models.Q(cause="correction"),
            ),
        ]

    def __str__(self) -> str:
        return (
            f"{self.get_cause_display()} "
            f"{self.on_hand_change}/{self.reserved_change}/{self.outgoing_change}"
        )


class StockHint(models.Model):
    """The answer for the minimum quantity of a SKU may have turned somewhere.

    Taken up, and deleted, by :func:`catalog.services.stock_telling.tell_stock`.
    """

    sku = models.ForeignKey(
        Sku, models.CASCADE, db_index=False, related_name="+", verbose_name=_("SKU")
    )

    class Meta:
        verbose_name = _("stock hint")
        verbose_name_plural = _("stock hints")

    def __str__(self) -> str:
        return str(self.sku_id)


class StockTold(models.Model):
    """The answers for the minimum quantity that merchants were told last.

    ``answers`` by codes from the province down, ``"440000/440100"``; ``""`` is the whole country.
    ``"440000/*"`` stands for all that lies in 440000 and below none of the places that are asked
    about one by one. A place that is not named has the answer of the nearest one above it.
    """

    sku = models.OneToOneField(
        Sku, models.CASCADE, primary_key=True, related_name="+", verbose_name=_("SKU")
    )
    answers = models.JSONField(_("answers"))
    told_at = models.DateTimeField(_("told at"))

    class Meta:
        verbose_name = _("stock answer told")
        verbose_name_plural = _("stock answers told")

    def __str__(self) -> str:
        return str(self.sku_id)
