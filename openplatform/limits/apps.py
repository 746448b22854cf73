from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LimitsConfig(AppConfig):
    name = "openplatform.limits"
    verbose_name = _("Rate limits")

    def ready(self) -> None:
        from openplatform.core.api import limiting
        from openplatform.core.background import register_daily_job
        from openplatform.limits.api.limiter import RateLimiter

        limiting.register(RateLimiter())
        register_daily_job(
            "sweep rate limits", "openplatform.limits.services.sweeping.sweep_buckets"
        )
