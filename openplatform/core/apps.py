from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "openplatform.core"
    label = "core"

    def ready(self) -> None:
        from openplatform.core.background import register_daily_job

        register_daily_job("sweep files", "openplatform.core.uploads.storage.sweep_files")
