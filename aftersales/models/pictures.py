"""Pictures of claims: cleaned, written anew, and shown to the merchant and operators only."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from aftersales.models.claims import Claim, ClaimNote


class ClaimPicture(models.Model):
    """A picture as it is kept. Until a claim or a note names it, it waits for a day."""

    class Use(models.TextChoices):
        CLAIM = "claim", _("Claim")
        NOTE = "note", _("Note")
        INSPECTION = "inspection", _("Inspection")

    picture_id = models.CharField(_("picture id"), max_length=24, unique=True)
    partner = models.ForeignKey(
        "accounts.Partner", models.PROTECT, related_name="+", verbose_name=_("partner")
    )
    uploaded_by = models.CharField(
        _("uploaded by"), max_length=150, blank=True, help_text=_("Staff; empty for the merchant")
    )
    file = models.CharField(_("file"), max_length=200, unique=True)
    thumbnail = models.CharField(
        _("thumbnail"), max_length=200, help_text=_("The file itself when it is small")
    )
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    size_bytes = models.PositiveIntegerField(_("size in bytes"))
    claim = models.ForeignKey(
        Claim, models.PROTECT, null=True, related_name="pictures", verbose_name=_("claim")
    )
    use = models.CharField(_("use"), max_length=16, choices=Use, blank=True)
    note = models.ForeignKey(
        ClaimNote, models.PROTECT, null=True, related_name="pictures", verbose_name=_("note")
    )
    position = models.PositiveIntegerField(_("position"), default=0)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("claim picture")
        verbose_name_plural = _("claim pictures")
        ordering = ("claim", "position", "id")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(claim=None, use="", note=None)
                | models.Q(claim__isnull=False, use__in=["claim", "inspection"], note=None)
                | models.Q(claim__isnull=False, use="note", note__isnull=False),
                name="claim_picture_used_or_not",
            )
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=models.Q(claim=None),
                name="claim_picture_unused",
            ),
            models.Index(
                fields=["thumbnail"],
                condition=~models.Q(thumbnail=models.F("file")),
                name="claim_picture_thumbnail",
            ),
        ]

    def __str__(self) -> str:
        return self.picture_id
