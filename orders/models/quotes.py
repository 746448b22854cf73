"""Frozen answers to the question what an order would cost."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from openplatform.core.model_fields import AmountField


class Quote(models.Model):
    """Prices, freight and split, held for one order until it expires. Locks no stock, no money.

    Which order used it stands on the order, whose ``quote_id`` is unique.
    """

    quote_id = models.CharField(_("quote"), max_length=24, unique=True)
    partner = models.ForeignKey(
        "accounts.Partner",
        models.PROTECT,
        related_name="quotes",
        verbose_name=_("partner"),
    )
    fingerprint = models.BinaryField(
        _("fingerprint"), help_text=_("SHA-256 of SKUs, quantities and region")
    )
    total_amount = AmountField(_("total"))
    plan = models.JSONField(_("plan"), help_text=_("Suborders and lines as they will be frozen"))
    expires_at = models.DateTimeField(_("expires at"))
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("quote")
        verbose_name_plural = _("quotes")
        ordering = ("-id",)
        indexes = [models.Index(fields=["expires_at"], name="quote_expires_at")]

    def __str__(self) -> str:
        return self.quote_id
