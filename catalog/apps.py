from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = _("Catalogue")

    def ready(self) -> None:
        from catalog.imports import RESOURCES
        from catalog.messages import MESSAGE_TYPES
        from catalog.selectors.visibility import get_audience
        from openplatform.imports import resources
        from openplatform.messaging import types

        types.register(*MESSAGE_TYPES)
        types.register_sku_audience(get_audience)
        resources.register(*RESOURCES)
