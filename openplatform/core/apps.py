from django.apps import AppConfig
from django.conf import settings
from django.core.signals import request_started
from django.db import reset_queries


class CoreConfig(AppConfig):
    name = "openplatform.core"
    label = "core"

    def ready(self) -> None:
        from openplatform.core.background import register_daily_job

        register_daily_job("sweep files", "openplatform.core.uploads.storage.sweep_files")
        if not settings.DEBUG:  # only then are statements kept, to be forgotten with each request
            request_started.disconnect(reset_queries)
