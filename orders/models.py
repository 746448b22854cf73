"""Orders, their parts by warehouse, and what was shipped of them."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from openplatform.core.model_fields import AmountField
from orders.states import OrderStatus, SuborderStatus


class Order(models.Model):
    """What a merchant ordered under one number of its own. Its status changes in
    ``orders/services/transitions.py`` until it is paid, in ``shipping.py`` afterwards.
    """

    order_no = models.CharField(_("order number"), max_length=24)
    partner = models.ForeignKey(
        "accounts.Partner",
        models.PROTECT,
        db_index=False,
        related_name="orders",
        verbose_name=_("partner"),
    )
    merchant_order_no = models.CharField(_("merchant's order number"), max_length=64)
    fingerprint = models.BinaryField(
        _("fingerprint"), help_text=_("SHA-256 of SKUs, quantities and consignee")
    )
    status = models.CharField(_("status"), max_length=24, choices=OrderStatus)
    version = models.PositiveIntegerField(_("version"), default=1)
    goods_amount = AmountField(_("goods"))
    freight_amount = AmountField(_("freight"))
    total_amount = AmountField(_("total"))
    refunded_amount = AmountField(_("refunded"), default=Decimal(0))
    remark = models.CharField(_("remark"), max_length=500, blank=True)
    purchase_order_no = models.CharField(_("purchase order number"), max_length=64, blank=True)
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    consignee_name = models.CharField(_("consignee"), max_length=64)
    consignee_phone = models.CharField(_("phone"), max_length=32)
    consignee_region = models.ForeignKey(
        "regions.Region",
        models.PROTECT,
        db_index=False,
        related_name="+",
        verbose_name=_("region"),
    )
    consignee_region_name = models.CharField(
        _("region name"), max_length=255, help_text=_("As it was called when the order was placed")
    )
    consignee_address = models.CharField(_("address"), max_length=255)
    expires_at = models.DateTimeField(_("expires at"))
    created_at = models.DateTimeField(_("created at"))
    updated_at = models.DateTimeField(_("updated at"))
    paid_at = models.DateTimeField(_("paid at"), null=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True)
    closed_at = models.DateTimeField(_("closed at"), null=True)
    close_reason = models.CharField(_("close reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["order_no"], name="order_no_unique"),
            models.UniqueConstraint(
                fields=["partner", "merchant_order_no"],
                name="order_merchant_order_no_unique_per_partner",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    total_amount=models.F("goods_amount") + models.F("freight_amount")
                ),
                name="order_total_is_goods_and_freight",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    refunded_amount__gte=0, refunded_amount__lte=models.F("total_amount")
                ),
                name="order_refunded_within_total",
            ),
        ]
        indexes = [
            models.Index(fields=["partner", "updated_at", "id"], name="order_updated_at"),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(status="pending_payment"),
                name="order_pending_expires_at",
            ),
        ]

    def __str__(self) -> str:
        return self.order_no


class Suborder(models.Model):
    """The part of an order that one warehouse ships."""

    order = models.ForeignKey(
        Order, models.PROTECT, related_name="suborders", verbose_name=_("order")
    )
    order_no = models.CharField(_("suborder number"), max_length=24)
    split_from = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="parts",
        verbose_name=_("split from"),
    )
    warehouse = models.ForeignKey(
        "catalog.Warehouse",
        models.PROTECT,
        db_index=False,
        related_name="+",
        verbose_name=_("warehouse"),
    )
    status = models.CharField(_("status"), max_length=24, choices=SuborderStatus)
    goods_amount = AmountField(_("goods"))
    freight_amount = AmountField(_("freight"))
    total_amount = AmountField(_("total"))
    refunded_amount = AmountField(_("refunded"), default=Decimal(0))
    shipped_at = models.DateTimeField(_("shipped at"), null=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True)
    completed_at = models.DateTimeField(_("completed at"), null=True)

    class Meta:
        verbose_name = _("suborder")
        verbose_name_plural = _("suborders")
        ordering = ("order", "id")
        constraints = [
            models.UniqueConstraint(fields=["order_no"], name="suborder_no_unique"),
            models.CheckConstraint(
                condition=models.Q(
                    total_amount=models.F("goods_amount") + models.F("freight_amount")
                ),
                name="suborder_total_is_goods_and_freight",
            ),
        ]

    def __str__(self) -> str:
        return self.order_no


class OrderLine(models.Model):
    """A SKU and quantity in a suborder, with everything that settlement needs frozen on it."""

    order = models.ForeignKey(
        Order, models.PROTECT, db_index=False, related_name="lines", verbose_name=_("order")
    )
    suborder = models.ForeignKey(
        Suborder, models.PROTECT, related_name="lines", verbose_name=_("suborder")
    )
    line_no = models.PositiveIntegerField(_("line number"))
    origin_line_no = models.PositiveIntegerField(_("split from line"), null=True)
    sku = models.ForeignKey(
        "catalog.Sku", models.PROTECT, db_index=False, related_name="+", verbose_name=_("SKU")
    )
    sku_code = models.CharField(_("SKU code"), max_length=64)
    name = models.CharField(_("name"), max_length=255)
    quantity = models.PositiveIntegerField(_("quantity"))
    shipped_quantity = models.PositiveIntegerField(_("shipped"), default=0)
    refunded_quantity = models.PositiveIntegerField(_("refunded"), default=0)
    purchase_price = AmountField(_("purchase price"))
    market_price = AmountField(_("market price"))
    sale_price = AmountField(_("sale price"))
    tax_rate = models.DecimalField(_("tax rate"), max_digits=5, decimal_places=4)
    weight_grams = models.PositiveIntegerField(_("weight (g)"))
    amount = AmountField(_("amount"))
    refunded_amount = AmountField(_("refunded amount"), default=Decimal(0))

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        ordering = ("order", "line_no")
        constraints = [
            models.UniqueConstraint(fields=["order", "line_no"], name="order_line_no_unique"),
            models.CheckConstraint(
                condition=models.Q(amount=models.F("purchase_price") * models.F("quantity")),
                name="order_line_amount_is_price_times_quantity",
            ),
            models.CheckConstraint(
                condition=models.Q(shipped_quantity__lte=models.F("quantity"))
                & models.Q(refunded_quantity__lte=models.F("quantity"))
                & models.Q(quantity__gt=0),
                name="order_line_quantities_within_quantity",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line_no} {self.sku_code} × {self.quantity}"


class OrderEvent(models.Model):
    """One change of status of an order or suborder. Append-only."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="events", verbose_name=_("order"))
    subject_no = models.CharField(_("order or suborder number"), max_length=24)
    from_status = models.CharField(_("from"), max_length=24, blank=True)
    to_status = models.CharField(_("to"), max_length=24)
    actor = models.CharField(_("by"), max_length=150)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("order event")
        verbose_name_plural = _("order events")
        ordering = ("order", "id")

    def __str__(self) -> str:
        return f"{self.subject_no} {self.from_status} → {self.to_status}"


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


class FreightTemplate(models.Model):
    """What a parcel costs by weight. The one that is in use applies to every suborder."""

    name = models.CharField(_("name"), max_length=64)
    first_weight_grams = models.PositiveIntegerField(
        _("first weight (g)"), default=1000, validators=[MinValueValidator(1)]
    )
    first_amount = AmountField(_("amount up to the first weight"))
    step_weight_grams = models.PositiveIntegerField(
        _("each further weight (g)"), default=1000, validators=[MinValueValidator(1)]
    )
    step_amount = AmountField(_("amount for each further weight"))
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("freight template")
        verbose_name_plural = _("freight templates")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(first_amount__gte=0, step_amount__gte=0),
                name="freight_template_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(first_weight_grams__gte=1, step_weight_grams__gte=1),
                name="freight_template_weights_positive",
            ),
            models.UniqueConstraint(
                fields=["is_active"],
                condition=models.Q(is_active=True),
                name="freight_template_one_in_use",
            ),
        ]

    def __str__(self) -> str:
        return self.name
