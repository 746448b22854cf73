"""The workers in the back office: which parts run where, and when they last gave a sign of life."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from openplatform.core import clock
from openplatform.core.admin.decorators import display
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.core.errors import type_of_text
from openplatform.operations.models import Heartbeat
from openplatform.operations.selectors import LATE_AFTER


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    """Rows of workers that were killed go after a day."""

    list_display = (
        "part", "state", "worker", "process_id", "restarts", "started_at", "beat_at",
    )  # fmt: skip
    search_fields = ("worker", "part")
    search_help_text = _("Host or part")
    ordering = ("part", "worker")
    fields = list_display

    @display(description=_("state"), label={"alive": "success", "late": "danger"})
    def state(self, heartbeat: Heartbeat) -> tuple[str, type_of_text]:
        """Whether it was heard of within a minute."""
        age = (clock.now() - heartbeat.beat_at).total_seconds()
        return ("late", _("late")) if age > LATE_AFTER else ("alive", _("alive"))
