from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    name = "orders"
    verbose_name = _("Orders")

    def ready(self) -> None:
        from openplatform.messaging import types
        from orders.messages import MESSAGE_TYPES

        types.register(*MESSAGE_TYPES)
