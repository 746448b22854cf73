"""The workers in the back office: which parts run where, and when they last gave a sign of life."""

from __future__ import annotations

from datetime import datetime

from django.contrib import admin
from django.core.paginator import Paginator
from django.utils.translation import gettext_lazy as _

from openplatform.core import clock
from openplatform.core.admin.decorators import display
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.core.errors import type_of_text
from openplatform.operations.models import Heartbeat
from openplatform.operations.selectors import LATE_AFTER

SECONDS = "%Y-%m-%d %H:%M:%S"


class PartsPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Counts parts of workers, for that is what the rows are."""

    template_name = "backoffice/parts_pagination.html"


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    """Rows of workers that were killed go after a day."""

    list_display = (
        "part", "state", "worker", "process_id", "restarts", "started", "last_sign",
    )  # fmt: skip
    paginator = PartsPaginator
    search_fields = ("worker", "part")
    search_help_text = _("Host or part")
    ordering = ("part", "worker")
    fields = list_display
    readonly_fields = ("state", "started", "last_sign")

    @display(description=_("state"), label={"alive": "success", "late": "danger"})
    def state(self, heartbeat: Heartbeat) -> tuple[str, type_of_text]:
        """Whether it was heard of within a minute."""
        age = (clock.now() - heartbeat.beat_at).total_seconds()
        return ("late", _("late")) if age > LATE_AFTER else ("alive", _("alive"))

    @display(description=_("started at"), ordering="started_at")
    def started(self, heartbeat: Heartbeat) -> str:
        """To the second."""
        return _to_the_second(heartbeat.started_at)

    @display(description=_("last sign of life"), ordering="beat_at")
    def last_sign(self, heartbeat: Heartbeat) -> str:
        """To the second: one is noted every 15."""
        return _to_the_second(heartbeat.beat_at)


def _to_the_second(moment: datetime) -> str:
    return f"{moment.astimezone(clock.PLATFORM_ZONE):{SECONDS}}"
