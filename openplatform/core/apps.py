from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "openplatform.core"
    label = "core"
