"""Files that came in through the back office."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from openplatform.core.uploads.files import MAX_FILENAME
from openplatform.core.uploads.storage import MAX_NAME
from openplatform.imports.resources import RESOURCES
from openplatform.imports.states import CONFIRMED, DUE, RunStatus


class ImportRun(models.Model):
    """One file, from its upload to what became of it.

    ``due_at`` is when a worker may take it; while one has it, when its lease ends. ``claims``
    counts how often one was taken and so tells the holder of the lease from one before;
    ``attempts`` counts within the present state. ``language`` is that of the texts in ``faults``
    and ``warnings``, of which the first thousand are kept.
    """

    resource = models.CharField(_("resource"), max_length=32)
    filename = models.CharField(_("file"), max_length=MAX_FILENAME)
    file = models.CharField(_("stored file"), max_length=MAX_NAME)
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    size_bytes = models.PositiveIntegerField(_("size"))
    language = models.CharField(_("language"), max_length=16)
    status = models.CharField(
        _("status"), max_length=16, choices=RunStatus, default=RunStatus.UPLOADED
    )
    due_at = models.DateTimeField(_("due at"), null=True, db_default=Now())
    claims = models.PositiveIntegerField(_("claims"), default=0)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    rows_done = models.PositiveIntegerField(_("rows done"), default=0)
    report = models.JSONField(_("report"), default=dict)
    faults = models.JSONField(_("faults"), default=list)
    fault_count = models.PositiveIntegerField(_("number of faults"), default=0)
    warnings = models.JSONField(_("warnings"), default=list)
    warning_count = models.PositiveIntegerField(_("number of warnings"), default=0)
    warnings_fingerprint = models.CharField(
        _("fingerprint of the warnings"), max_length=64, blank=True
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="imports_uploaded",
        verbose_name=_("uploaded by"),
    )
    created_at = models.DateTimeField(_("uploaded at"), db_default=Now())
    checked_at = models.DateTimeField(_("checked at"), null=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="imports_confirmed",
        verbose_name=_("confirmed by"),
    )
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ("-id",)
        default_permissions = ()  # who may use the resource may see the run
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=sorted(DUE), due_at__isnull=False)
                | (~Q(status__in=sorted(DUE)) & Q(due_at=None)),
                name="import_due_while_there_is_work",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=sorted(CONFIRMED))
                | Q(confirmed_by__isnull=False, confirmed_at__isnull=False),
                name="import_written_once_confirmed",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="import_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["created_at"], name="import_by_age"),
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def resource_label(self) -> str:
        """What the resource is called; its own name when no app registers it any more."""
        found = RESOURCES.get(self.resource)
        return self.resource if found is None else str(found.label)

    @property
    def is_due(self) -> bool:
        """Whether a worker has to do with it, so that what is shown will change by itself."""
        return self.status in DUE

    @property
    def changes_nothing(self) -> bool:
        """Whether everything in the file stood in the platform already, as far as is known."""
        return bool(self.report) and not (self.report["created"] or self.report["updated"])
