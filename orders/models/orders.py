"""Orders and their parts by warehouse."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
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
    quote_id = models.CharField(
        _("quote"),
        max_length=24,
        blank=True,
        default="",
        db_default="",
        help_text=_("The quote it was placed on"),
    )
    dropped = models.JSONField(
        _("dropped"),
        default=list,
        db_default=models.Value([], models.JSONField()),
        blank=True,
        help_text=_("SKU, requested and ordered quantity of each line cut for lack of stock"),
    )
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
    region_confidence = models.DecimalField(
        _("confidence"),
        max_digits=3,
        decimal_places=2,
        null=True,
        blank=True,
        help_text=_("Of the region, where it was found by the address"),
    )
    consignee_address = models.CharField(_("address"), max_length=255)
    consignee_erased_at = models.DateTimeField(_("consignee erased at"), null=True)
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
            # In the order of bytes, whatever the database's collation: numbers are found by their
            # beginnings, too. The merchant's number comes first because operators know no partner.
            models.UniqueConstraint(
                fields=["order_no"], name="order_no_unique", opclasses=["varchar_pattern_ops"]
            ),
            models.UniqueConstraint(
                fields=["merchant_order_no", "partner"],
                name="order_merchant_order_no_unique_per_partner",
                opclasses=["varchar_pattern_ops", "int8_ops"],
            ),
            models.UniqueConstraint(
                fields=["quote_id"],
                condition=~models.Q(quote_id=""),
                name="order_quote_unique",
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
            # For lists by update, with a status or without (orders/selectors/lists.py).
            models.Index(
                fields=["partner", "status", "updated_at", "id"], name="order_status_updated_at"
            ),
            models.Index(
                fields=["partner", "status", "created_at"], name="order_status_created_at"
            ),
            # Orders come in the order of time, and hardly move: a range of pages tells its times.
            BrinIndex(fields=["created_at"], name="order_created_at", pages_per_range=32),
            models.Index(
                fields=["consignee_phone"],
                condition=~models.Q(consignee_phone=""),
                name="order_consignee_phone",
                opclasses=["varchar_pattern_ops"],
            ),
            models.Index(
                fields=["consignee_name", "id"],  # many have one name; the newest come first
                condition=~models.Q(consignee_name=""),
                name="order_consignee_name",
                opclasses=["varchar_pattern_ops", "int8_ops"],
            ),
            models.Index(
                fields=["purchase_order_no"],
                condition=~models.Q(purchase_order_no=""),
                name="order_purchase_order_no",
                opclasses=["varchar_pattern_ops"],
            ),
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
    refunded_freight_amount = AmountField(
        _("refunded freight"), default=Decimal(0), db_default=Decimal(0)
    )
    freight_details = models.JSONField(
        _("freight by template"),
        default=list,
        db_default=models.Value([], models.JSONField()),
        help_text=_("The rules that gave the freight when the order was placed"),
    )
    shipped_at = models.DateTimeField(_("shipped at"), null=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True)
    completed_at = models.DateTimeField(_("completed at"), null=True)
    receipt_due_at = models.DateTimeField(
        _("receipt due at"), null=True, help_text=_("When it counts as received by itself")
    )

    class Meta:
        verbose_name = _("suborder")
        verbose_name_plural = _("suborders")
        ordering = ("order", "id")
        constraints = [
            models.UniqueConstraint(
                fields=["order_no"], name="suborder_no_unique", opclasses=["varchar_pattern_ops"]
            ),
            models.CheckConstraint(
                condition=models.Q(
                    total_amount=models.F("goods_amount") + models.F("freight_amount")
                ),
                name="suborder_total_is_goods_and_freight",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    refunded_freight_amount__gte=0,
                    refunded_freight_amount__lte=models.F("freight_amount"),
                    refunded_amount__gte=models.F("refunded_freight_amount"),
                    refunded_amount__lte=models.F("total_amount"),
                ),
                name="suborder_refunded_within_total",
            ),
        ]
        indexes = [
            models.Index(
                fields=["receipt_due_at"],
                condition=models.Q(status__in=["shipped", "delivered"]),
                name="suborder_receipt_due_at",
            ),
            models.Index(
                fields=["warehouse", "id"],
                condition=models.Q(status__in=["awaiting_shipment", "partly_shipped"]),
                name="suborder_to_ship",
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
    closed_quantity = models.PositiveIntegerField(
        _("closed"), default=0, db_default=0, help_text=_("Refunded before they were shipped")
    )
    refunded_quantity = models.PositiveIntegerField(_("refunded"), default=0)
    claimed_quantity = models.PositiveIntegerField(
        _("claimed"), default=0, db_default=0, help_text=_("In claims that are open")
    )
    stopped_quantity = models.PositiveIntegerField(
        _("stopped"),
        default=0,
        db_default=0,
        help_text=_("Of the claimed ones, those not shipped: they stay until the claim is decided"),
    )
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
            models.CheckConstraint(
                condition=models.Q(
                    quantity__gte=models.F("shipped_quantity")
                    + models.F("closed_quantity")
                    + models.F("stopped_quantity"),
                    refunded_quantity__gte=models.F("closed_quantity"),
                ),
                name="order_line_closed_is_not_shipped",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    quantity__gte=models.F("refunded_quantity") + models.F("claimed_quantity"),
                    claimed_quantity__gte=models.F("stopped_quantity"),
                ),
                name="order_line_claimed_is_not_refunded",
            ),
            models.CheckConstraint(
                condition=models.Q(refunded_amount__gte=0, refunded_amount__lte=models.F("amount")),
                name="order_line_refunded_within_amount",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line_no} {self.sku_code} × {self.quantity}"

    @property
    def left_quantity(self) -> int:
        """Units that are still to be shipped, and that no claim stops."""
        return self.quantity - self.shipped_quantity - self.closed_quantity - self.stopped_quantity

    @property
    def claimable_quantity(self) -> int:
        """Units that were neither refunded nor are claimed."""
        return self.quantity - self.refunded_quantity - self.claimed_quantity


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
