from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OperationsConfig(AppConfig):
    name = "openplatform.operations"
    verbose_name = _("Operation")

    def ready(self) -> None:
        from openplatform.core.background import register_part
        from openplatform.operations.scheduled_jobs import BEATS_WITHIN

        register_part("loops", "openplatform.operations.loops.run")
        register_part(
            "scheduled jobs",
            "openplatform.operations.scheduled_jobs.run",
            beats_within=BEATS_WITHIN,
        )
