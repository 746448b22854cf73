"""API keys, and what keeps a signed request from being sent twice."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.partners import Partner
from openplatform.core.scopes import Scope


class ApiKey(models.Model):
    """A secret that opens some interfaces for one partner. Only its digest is kept."""

    partner = models.ForeignKey(
        Partner, models.PROTECT, related_name="api_keys", verbose_name=_("partner")
    )
    prefix = models.CharField(_("prefix"), max_length=16)
    digest = models.BinaryField(_("digest"), unique=True, help_text=_("SHA-256 of the key"))
    scopes = ArrayField(
        models.CharField(max_length=32, choices=Scope),
        verbose_name=_("scopes"),
    )
    note = models.CharField(_("note"), max_length=200, blank=True)
    allowed_networks = ArrayField(
        models.CharField(max_length=43),
        verbose_name=_("allowed networks"),
        default=list,
        blank=True,
        help_text=_("CIDR, IPv4 or IPv6; left empty, every address may use the key"),
    )
    public_key = models.TextField(
        _("public key"), blank=True, help_text=_("Ed25519 in PEM, for signed requests")
    )
    requires_signature = models.BooleanField(_("requires signed requests"), default=False)
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"),
        null=True,
        blank=True,
        help_text=_("Left empty, the platform's limit holds"),
    )
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    warned_days = models.PositiveSmallIntegerField(
        _("warned"),
        null=True,
        help_text=_("Days before the expiry of which the partner was last told"),
    )
    replaced_by = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="replaces",
        verbose_name=_("replaced by"),
    )
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    last_used_at = models.DateTimeField(
        _("last used at"),
        null=True,
        blank=True,
        help_text=_("To the minute"),
    )
    last_used_address = models.GenericIPAddressField(_("last used from"), null=True, blank=True)
    created_by = models.CharField(_("made by"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ("partner", "-created_at")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(requires_signature=False) | ~models.Q(public_key=""),
                name="api_key_signature_needs_a_public_key",
            ),
            models.CheckConstraint(
                condition=models.Q(requests_per_minute__gte=1),
                name="api_key_requests_per_minute_positive",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                name="api_key_expires_at",
                condition=models.Q(revoked_at=None, expires_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…"


class RequestNonce(models.Model):
    """The nonce of a signed request, kept for as long as its signature holds."""

    key = models.ForeignKey(ApiKey, models.CASCADE, db_index=False, related_name="nonces")
    nonce = models.CharField(_("nonce"), max_length=128)
    expires_at = models.DateTimeField(_("expires at"))

    class Meta:
        verbose_name = _("request nonce")
        verbose_name_plural = _("request nonces")
        constraints = [
            models.UniqueConstraint(fields=["key", "nonce"], name="request_nonce_unique_per_key")
        ]
        indexes = [models.Index(fields=["expires_at"], name="request_nonce_expires_at")]

    def __str__(self) -> str:
        return self.nonce
