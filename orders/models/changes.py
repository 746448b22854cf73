"""What operators did to orders that were paid: parts closed, divided, moved. Append-only."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from openplatform.core.model_fields import AmountField
from orders.models.orders import OrderLine, Suborder


class Closure(models.Model):
    """Units of one suborder that will not be shipped, and the money that went back for them.

    The document behind one refund in the ledger.
    """

    closure_no = models.CharField(_("closure number"), max_length=24, unique=True)
    suborder = models.ForeignKey(
        Suborder, models.PROTECT, related_name="closures", verbose_name=_("suborder")
    )
    goods_amount = AmountField(_("goods"))
    freight_amount = AmountField(_("freight"), default=Decimal(0))
    amount = AmountField(_("refund"))
    is_restocked = models.BooleanField(
        _("restocked"), help_text=_("Whether the units can be sold again")
    )
    reason = models.CharField(_("reason"), max_length=200)
    actor = models.CharField(_("by"), max_length=150)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("closure")
        verbose_name_plural = _("closures")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    amount=models.F("goods_amount") + models.F("freight_amount"),
                    goods_amount__gte=0,
                    freight_amount__gte=0,
                ),
                name="closure_amount_is_goods_and_freight",
            ),
        ]

    def __str__(self) -> str:
        return self.closure_no


class ClosureLine(models.Model):
    """How many units of a line were closed."""

    closure = models.ForeignKey(
        Closure, models.PROTECT, related_name="lines", verbose_name=_("closure")
    )
    line = models.ForeignKey(
        OrderLine, models.PROTECT, related_name="closure_lines", verbose_name=_("line")
    )
    quantity = models.PositiveIntegerField(_("quantity"))
    amount = AmountField(_("refund"))

    class Meta:
        verbose_name = _("closed line")
        verbose_name_plural = _("closed lines")
        constraints = [
            models.UniqueConstraint(fields=["closure", "line"], name="closure_line_unique"),
            models.CheckConstraint(
                condition=models.Q(quantity__gt=0), name="closure_line_quantity_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line_id} × {self.quantity}"


class Split(models.Model):
    """A part of a suborder that became one of its own, or a suborder that another warehouse took.

    ``suborder`` is the one that came of it; it is ``source`` itself when all of it moved.
    """

    source = models.ForeignKey(
        Suborder, models.PROTECT, related_name="splits", verbose_name=_("from suborder")
    )
    suborder = models.ForeignKey(
        Suborder, models.PROTECT, related_name="+", verbose_name=_("suborder")
    )
    from_warehouse = models.ForeignKey(
        "catalog.Warehouse", models.PROTECT, related_name="+", verbose_name=_("from warehouse")
    )
    to_warehouse = models.ForeignKey(
        "catalog.Warehouse", models.PROTECT, related_name="+", verbose_name=_("to warehouse")
    )
    lines = models.JSONField(
        _("lines"),
        help_text=_("line_no, the number it had, quantity and amount of each line that went"),
    )
    goods_amount = AmountField(_("goods"))
    freight_amount = AmountField(_("freight"))
    reason = models.CharField(_("reason"), max_length=200)
    actor = models.CharField(_("by"), max_length=150)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("split")
        verbose_name_plural = _("splits")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.source_id} → {self.suborder_id}"
