"""What a worker makes while somebody waits: the columns that let it be taken up and given back."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from reconciliation.states import PaperStatus


class Paper(models.Model):
    """The row is the job: ``due_at`` is when a worker may take it; while one has it, when its
    lease ends. ``claims`` counts how often it was taken, so that the holder of a lease knows
    whether it is still its own.
    """

    status = models.CharField(
        _("status"), max_length=16, choices=PaperStatus, default=PaperStatus.PREPARING
    )
    due_at = models.DateTimeField(_("due at"), null=True, db_default=Now())
    claims = models.PositiveIntegerField(_("claims"), default=0, db_default=0)
    attempts = models.PositiveIntegerField(_("attempts"), default=0, db_default=0)
    rows_done = models.PositiveIntegerField(_("rows done"), default=0, db_default=0)
    error = models.CharField(
        _("what went wrong"), max_length=500, blank=True, default="", db_default=""
    )
    requested_by = models.CharField(
        _("asked for by"),
        max_length=150,
        help_text=_("A member of staff, a merchant's API key, or the platform by its timetable"),
    )
    created_at = models.DateTimeField(_("created at"), db_default=Now())
    ready_at = models.DateTimeField(_("ready at"), null=True)

    class Meta:
        abstract = True
