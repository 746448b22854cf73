from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IdempotencyConfig(AppConfig):
    name = "openplatform.idempotency"
    verbose_name = _("Idempotency")

    def ready(self) -> None:
        from openplatform.core.background import register_daily_job

        register_daily_job(
            "prune idempotent requests",
            "openplatform.idempotency.services.replay.prune_idempotent_requests",
        )
