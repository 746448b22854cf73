"""What became of each look at the books."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class BookCheck(models.Model):
    """One run of ``verify_books``."""

    as_of = models.DateTimeField(_("as of"))
    started_at = models.DateTimeField(_("started at"))
    seconds = models.FloatField(_("seconds"))
    is_ok = models.BooleanField(_("in order"))
    wallet_count = models.PositiveIntegerField(_("wallets"))
    entry_count = models.PositiveBigIntegerField(_("entries"))
    difference_count = models.PositiveIntegerField(_("number of differences"))
    differences = models.JSONField(_("differences"), help_text=_("The first hundred"))

    class Meta:
        verbose_name = _("check of the books")
        verbose_name_plural = _("checks of the books")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.as_of:%Y-%m-%d %H:%M}"
