"""Decisions that take two people."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Approval(models.Model):
    """Something that one person asked for and another one decides.

    ``data`` is what the kind needs to carry it out; ``values`` what the decider added.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")

    kind = models.CharField(_("kind"), max_length=32)
    subject_no = models.CharField(
        _("subject"), max_length=64, help_text=_("Number of the document, or code of the partner")
    )
    partner = models.ForeignKey(
        "accounts.Partner",
        models.PROTECT,
        null=True,
        related_name="approvals",
        verbose_name=_("partner"),
    )
    data = models.JSONField(_("data"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.PENDING)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="approvals_requested",
        verbose_name=_("asked by (staff)"),
        help_text=_("Empty when a merchant asked"),
    )
    requester = models.CharField(_("asked by"), max_length=150)
    barred = ArrayField(
        models.CharField(max_length=150),
        verbose_name=_("who cannot decide"),
        default=list,
        help_text=_("Beside whoever asked: staff who had a hand in it"),
    )
    requested_at = models.DateTimeField(_("asked at"), db_default=Now())
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="approvals_decided",
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided at"), null=True)
    values = models.JSONField(_("decided values"), default=dict)
    decision_note = models.CharField(_("note on the decision"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(decided_by=models.F("requested_by")),
                name="approval_decided_by_another",
            ),
            models.CheckConstraint(
                condition=models.Q(status="pending", decided_by=None, decided_at=None)
                | models.Q(
                    status__in=["approved", "rejected"],
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                ),
                name="approval_decided_or_pending",
            ),
            models.UniqueConstraint(
                fields=["kind", "subject_no"],
                condition=models.Q(status="pending"),
                name="approval_pending_once_per_subject",
            ),
        ]
        indexes = [
            models.Index(
                fields=["requested_at"],
                name="approval_pending",
                condition=models.Q(status="pending"),
            )
        ]

    def __str__(self) -> str:
        return self.subject_no
