"""Answers kept for a retry under the same ``Idempotency-Key``."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class IdempotentRequest(models.Model):
    """A write that succeeded under a key. It commits with its effect or not at all."""

    partner = models.ForeignKey("accounts.Partner", models.CASCADE, verbose_name=_("partner"))
    method = models.CharField(_("method"), max_length=8)
    path = models.CharField(_("path"), max_length=200)
    key = models.CharField(_("key"), max_length=128)
    fingerprint = models.BinaryField(_("fingerprint"), help_text=_("SHA-256 of the canonical body"))
    status = models.PositiveSmallIntegerField(_("status"), null=True)
    answer = models.TextField(_("answer"), default="")
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("idempotent request")
        verbose_name_plural = _("idempotent requests")
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "method", "path", "key"], name="idempotent_request_unique"
            )
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotent_request_created_at")]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.key}"
