"""Messages on their way (outbox), and told (one gapless sequence per partner)."""

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
        indexes = [
            models.Index(fields=["created_at"], name="message_created_at"),
            models.Index(fields=["subject"], name="message_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.type}"
