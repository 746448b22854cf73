"""Who changed what, when, and from where."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from openplatform.audit.actions import title_of


class AuditEntry(models.Model):
    """One change by a person, a key or a command. Append-only: a trigger refuses the rest.

    ``before`` and ``after`` hold only the fields that changed, as JSON; nothing secret is among
    them.
    """

    action = models.CharField(_("action"), max_length=64)
    subject_type = models.CharField(_("kind"), max_length=64)
    subject_id = models.CharField(_("id"), max_length=64)
    subject_label = models.CharField(_("subject"), max_length=200)
    partner = models.ForeignKey(
        "accounts.Partner",
        models.PROTECT,
        null=True,
        related_name="audit_entries",
        verbose_name=_("partner"),
    )
    before = models.JSONField(_("before"))
    after = models.JSONField(_("after"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    actor = models.CharField(_("by"), max_length=150)
    address = models.GenericIPAddressField(_("IP address"), null=True)
    request_id = models.CharField(_("request id"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["subject_type", "subject_id"], name="audit_entry_subject"),
            models.Index(fields=["created_at"], name="audit_entry_created_at"),
            models.Index(fields=["request_id"], name="audit_entry_request_id"),
        ]

    def __str__(self) -> str:
        return f"{title_of(self.action)} {self.subject_label}"
