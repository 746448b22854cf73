from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RegionsConfig(AppConfig):
    name = "openplatform.regions"
    verbose_name = _("Address library")

    def ready(self) -> None:
        from openplatform.messaging import types
        from openplatform.regions.messages import MESSAGE_TYPES

        types.register(*MESSAGE_TYPES)
