"""Parcels: who carries them, what is in them, and where they are."""

from __future__ import annotations

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from openplatform.connectors.parcels import ParcelStatus
from orders.models.orders import OrderLine, Suborder


class Carrier(models.Model):
    """A company that carries parcels."""

    code = models.CharField(
        _("code"), max_length=32, unique=True, validators=[RegexValidator(r"\A[a-z0-9_]{1,32}\Z")]
    )
    name = models.CharField(_("name"), max_length=64)
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("carrier")
        verbose_name_plural = _("carriers")
        ordering = ("code",)

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Shipment(models.Model):
    """A parcel on its way."""

    shipment_no = models.CharField(_("shipment number"), max_length=24, unique=True)
    suborder = models.ForeignKey(
        Suborder, models.PROTECT, related_name="shipments", verbose_name=_("suborder")
    )
    carrier = models.ForeignKey(
        Carrier, models.PROTECT, related_name="shipments", verbose_name=_("carrier")
    )
    waybill_no = models.CharField(_("waybill number"), max_length=64)
    shipped_at = models.DateTimeField(_("shipped at"))
    status = models.CharField(
        _("status"),
        max_length=16,
        choices=ParcelStatus,
        default=ParcelStatus.PENDING,
        db_default=ParcelStatus.PENDING.value,
        help_text=_("Where its carrier says it is"),
    )
    delivered_at = models.DateTimeField(_("delivered at"), null=True)
    troubled_at = models.DateTimeField(
        _("in trouble since"),
        null=True,
        help_text=_("While it is lost, refused, on its way back or stuck, nothing is received"),
    )
    settled_at = models.DateTimeField(_("settled at"), null=True)
    settlement = models.CharField(_("settlement"), max_length=200, blank=True)
    actor = models.CharField(_("by"), max_length=150)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("shipment")
        verbose_name_plural = _("shipments")
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(
                fields=["suborder", "carrier", "waybill_no"],
                name="shipment_waybill_unique_per_suborder",
            )
        ]
        indexes = [
            models.Index(
                fields=["waybill_no"],
                name="shipment_waybill_no",
                opclasses=["varchar_pattern_ops"],
            ),
            models.Index(
                fields=["troubled_at"],
                condition=models.Q(troubled_at__isnull=False, settled_at__isnull=True),
                name="shipment_in_trouble",
            ),
        ]

    def __str__(self) -> str:
        return self.shipment_no


class ShipmentLine(models.Model):
    """How many units of an order line a parcel holds."""

    shipment = models.ForeignKey(
        Shipment, models.PROTECT, related_name="lines", verbose_name=_("shipment")
    )
    line = models.ForeignKey(
        OrderLine, models.PROTECT, related_name="shipment_lines", verbose_name=_("line")
    )
    quantity = models.PositiveIntegerField(_("quantity"), validators=[MinValueValidator(1)])

    class Meta:
        verbose_name = _("shipment line")
        verbose_name_plural = _("shipment lines")
        constraints = [
            models.UniqueConstraint(fields=["shipment", "line"], name="shipment_line_unique"),
            models.CheckConstraint(
                condition=models.Q(quantity__gt=0), name="shipment_line_quantity_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line_id} × {self.quantity}"


class WaybillChange(models.Model):
    """A parcel that went on under another number or with another carrier. Append-only."""

    shipment = models.ForeignKey(
        Shipment, models.PROTECT, related_name="waybill_changes", verbose_name=_("shipment")
    )
    from_carrier = models.ForeignKey(
        Carrier, models.PROTECT, related_name="+", verbose_name=_("from carrier")
    )
    from_waybill_no = models.CharField(_("from waybill number"), max_length=64)
    to_carrier = models.ForeignKey(
        Carrier, models.PROTECT, related_name="+", verbose_name=_("to carrier")
    )
    to_waybill_no = models.CharField(_("to waybill number"), max_length=64)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    actor = models.CharField(_("by"), max_length=150)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("waybill change")
        verbose_name_plural = _("waybill changes")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.from_waybill_no} → {self.to_waybill_no}"
