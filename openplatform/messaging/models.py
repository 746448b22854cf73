"""Messages on their way (outbox), told (one gapless sequence per partner), and mailed."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Outbox(models.Model):
    """A message that committed with its change and waits for the sequencer, which deletes it.

    ``partner_ids`` names the receivers; null means that the type's audience is asked when the
    message is sequenced.
    """

    type = models.CharField(_("type"), max_length=64)
    subject = models.CharField(_("subject"), max_length=96)
    partner_ids = ArrayField(models.BigIntegerField(), null=True, verbose_name=_("receivers"))
    data = models.JSONField(_("data"))
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("outbox message")
        verbose_name_plural = _("outbox")

    def __str__(self) -> str:
        return f"{self.type} {self.subject}"


class MessageCursor(models.Model):
    """How far a partner's sequence has come."""

    partner = models.OneToOneField(
        "accounts.Partner", models.PROTECT, primary_key=True, verbose_name=_("partner")
    )
    last_sequence = models.BigIntegerField(_("last sequence"), default=0)

    class Meta:
        verbose_name = _("message cursor")
        verbose_name_plural = _("message cursors")

    def __str__(self) -> str:
        return f"{self.partner_id}: {self.last_sequence}"


class Message(models.Model):
    """What a partner was told. ``sequence`` counts per partner, from 1, without gaps."""

    message_id = models.CharField(_("message id"), max_length=40)
    partner = models.ForeignKey(
        "accounts.Partner",
        models.PROTECT,
        db_index=False,
        related_name="messages",
        verbose_name=_("partner"),
    )
    sequence = models.BigIntegerField(_("sequence"))
    type = models.CharField(_("type"), max_length=64)
    subject = models.CharField(_("subject"), max_length=96)
    data = models.JSONField(_("data"))
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ("partner", "sequence")
        constraints = [
            models.UniqueConstraint(fields=["message_id"], name="message_id_unique"),
            models.UniqueConstraint(
                fields=["partner", "sequence"], name="message_sequence_unique_per_partner"
            ),
        ]
        indexes = [models.Index(fields=["created_at"], name="message_created_at")]

    def __str__(self) -> str:
        return f"{self.sequence} {self.type}"


class Mail(models.Model):
    """A mail to one person. It commits with what it tells of; the worker sends it afterwards."""

    class Status(models.TextChoices):
        PENDING = "pending", _("To be sent")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")

    topic = models.CharField(_("topic"), max_length=32)
    partner = models.ForeignKey(
        "accounts.Partner",
        models.PROTECT,
        null=True,
        related_name="mails",
        verbose_name=_("partner"),
    )
    recipient_name = models.CharField(_("recipient"), max_length=64)
    recipient_email = models.EmailField(_("email"))
    subject = models.CharField(_("subject"), max_length=200)
    body = models.TextField(_("text"))
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt at"), null=True, db_default=Now())
    last_error = models.CharField(_("last error"), max_length=200, blank=True)
    sent_at = models.DateTimeField(_("sent at"), null=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("mail")
        verbose_name_plural = _("mails")
        ordering = ("-id",)
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="mail_due",
                condition=models.Q(status="pending"),
            ),
            models.Index(fields=["created_at"], name="mail_created_at"),
        ]

    def __str__(self) -> str:
        return self.subject
