"""Where partners want their messages sent, what is on its way there, and each attempt."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

MAX_URL = 2048
MAX_DESCRIPTION = 200
MAX_ERROR = 200
MAX_ANSWER = 1024  # bytes of an answer that are kept


class WebhookEndpoint(models.Model):
    """An address of a partner's that is sent its messages, from ``taken_sequence`` on.

    What is behind ``taken_sequence`` has become deliveries, the rest waits in the log. One process
    at a time sends to an endpoint: the holder of its lease.
    """

    class Status(models.TextChoices):
        ENABLED = "enabled", _("Enabled")
        FAILING = "failing", _("Failing")
        DISABLED = "disabled", _("Disabled")

    class DisabledReason(models.TextChoices):
        BY_MERCHANT = "by_merchant", _("By the merchant")
        BY_OPERATOR = "by_operator", _("By an operator")
        GONE = "gone", _("The receiver answered 410")
        FAILING = "failing", _("It failed too long")

    endpoint_id = models.CharField(_("endpoint id"), max_length=24)
    partner = models.ForeignKey(
        "accounts.Partner",
        models.PROTECT,
        related_name="webhook_endpoints",
        verbose_name=_("partner"),
    )
    url = models.CharField(_("address"), max_length=MAX_URL)
    types = ArrayField(
        models.CharField(max_length=64),
        default=list,
        blank=True,
        verbose_name=_("types"),
        help_text=_("Empty: all of them"),
    )
    description = models.CharField(_("description"), max_length=MAX_DESCRIPTION, blank=True)
    # All sealed: openplatform.core.sealing. The headers are a JSON object.
    headers = models.BinaryField(_("headers"), default=b"")
    secret = models.BinaryField(_("secret"), default=b"")
    old_secret = models.BinaryField(_("secret before"), default=b"")
    old_secret_until = models.DateTimeField(_("secret before holds until"), null=True)
    status = models.CharField(
        _("status"), max_length=16, choices=Status, default=Status.ENABLED, db_default="enabled"
    )
    disabled_reason = models.CharField(
        _("why disabled"), max_length=16, choices=DisabledReason, blank=True, default=""
    )
    failures = models.PositiveIntegerField(
        _("failures in a row"), default=0, help_text=_("Attempts since the last that was taken")
    )
    failing_since = models.DateTimeField(_("failing since"), null=True)
    warned_at = models.DateTimeField(_("last warned at"), null=True)
    # While failing: when the next probe is due. Else: until when the receiver wants no requests.
    paused_until = models.DateTimeField(_("paused until"), null=True)
    taken_sequence = models.BigIntegerField(_("taken up to"), default=0)
    lease_holder = models.CharField(_("sent to by"), max_length=64, blank=True, default="")
    leased_until = models.DateTimeField(_("lease ends"), null=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())
    updated_at = models.DateTimeField(_("updated at"), db_default=Now())
    deleted_at = models.DateTimeField(_("deleted at"), null=True)

    class Meta:
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["endpoint_id"], name="webhook_endpoint_id_unique"),
            models.CheckConstraint(
                condition=Q(status="disabled") | Q(disabled_reason=""),
                name="webhook_endpoint_reason_only_when_disabled",
            ),
            models.CheckConstraint(
                condition=~Q(status="failing") | Q(failing_since__isnull=False),
                name="webhook_endpoint_failing_since_when_failing",
            ),
        ]

    def __str__(self) -> str:
        return self.url


class WebhookDelivery(models.Model):
    """A message on its way to an endpoint, or there, or set aside after its last try.

    ``tries`` counts attempts against the message's own schedule, ``attempts`` all that were ever
    begun, those while the whole endpoint failed and those of a replay too.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("To be sent")
        DELIVERED = "delivered", pgettext_lazy("of a message", "Delivered")
        SET_ASIDE = "set_aside", _("Set aside")

    endpoint = models.ForeignKey(
        WebhookEndpoint,
        models.PROTECT,
        related_name="deliveries",
        db_index=False,
        verbose_name=_("webhook endpoint"),
    )
    # Of the message, which may be gone before its delivery is.
    message_id = models.CharField(_("message id"), max_length=40)
    sequence = models.BigIntegerField(_("sequence"))
    type = models.CharField(_("type"), max_length=64)
    subject = models.CharField(_("subject"), max_length=96)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.PENDING)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt at"), null=True)
    # Somebody asked for it by name: it goes at once, even while the endpoint fails.
    is_wanted_now = models.BooleanField(_("asked for"), default=False)
    created_at = models.DateTimeField(_("created at"), db_default=Now())
    delivered_at = models.DateTimeField(pgettext_lazy("of a message", "delivered at"), null=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "sequence"], name="webhook_delivery_unique_per_endpoint"
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "sequence"],
                name="webhook_delivery_open",
                condition=Q(status="pending"),
            ),
            models.Index(fields=["endpoint", "subject"], name="webhook_delivery_subject"),
            models.Index(fields=["created_at"], name="webhook_delivery_created_at"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.type}"


class WebhookAttempt(models.Model):
    """One request to a receiver and what it answered. Append-only; kept 30 days."""

    delivery = models.ForeignKey(
        WebhookDelivery,
        models.CASCADE,
        related_name="tried",
        db_index=False,
        verbose_name=_("webhook delivery"),
    )
    endpoint = models.ForeignKey(
        WebhookEndpoint,
        models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("webhook endpoint"),
    )
    number = models.PositiveIntegerField(_("attempt"))
    url = models.CharField(_("address"), max_length=MAX_URL)
    started_at = models.DateTimeField(_("started at"))
    duration_ms = models.PositiveIntegerField(_("duration (ms)"))
    status_code = models.PositiveSmallIntegerField(_("status code"), null=True)
    error = models.CharField(_("error"), max_length=MAX_ERROR, blank=True, default="")
    answer = models.TextField(_("answer"), blank=True, default="")
    next_attempt_at = models.DateTimeField(_("next attempt at"), null=True)

    class Meta:
        verbose_name = _("webhook attempt")
        verbose_name_plural = _("webhook attempts")
        ordering = ("-started_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["delivery", "number"], name="webhook_attempt_unique_per_delivery"
            ),
        ]
        indexes = [
            models.Index(fields=["endpoint", "started_at"], name="webhook_attempt_endpoint"),
            BrinIndex(fields=["started_at"], name="webhook_attempt_started_at"),
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id} {self.number}"
