"""What runs in the background, and when it last gave a sign of life."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Heartbeat(models.Model):
    """A part of a worker. One that is stopped takes its row along; one that is killed does not."""

    worker = models.CharField(_("worker"), max_length=128, help_text=_("Host and process"))
    part = models.CharField(_("part"), max_length=64)
    process_id = models.IntegerField(_("process"))
    restarts = models.PositiveIntegerField(
        _("restarts"), default=0, help_text=_("How often the worker had to begin it anew")
    )
    started_at = models.DateTimeField(_("started at"))
    beat_at = models.DateTimeField(_("last sign of life"))

    class Meta:
        verbose_name = _("part of a worker")
        verbose_name_plural = _("workers")
        ordering = ("worker", "part")
        constraints = [
            models.UniqueConstraint(fields=["worker", "part"], name="heartbeat_unique_per_part"),
        ]

    def __str__(self) -> str:
        return f"{self.part} ({self.worker})"
