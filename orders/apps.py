from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    name = "orders"
    verbose_name = _("Orders")

    def ready(self) -> None:
        from accounts import books
        from openplatform.core.background import register_loop
        from openplatform.imports import resources
        from openplatform.messaging import types
        from orders.books import CLOSURES, HOLDS, PAYMENTS
        from orders.imports import RESOURCES
        from orders.messages import MESSAGE_TYPES
        from orders.services.cancellation import expire_due_orders

        types.register(*MESSAGE_TYPES)
        resources.register(*RESOURCES)
        books.register_documents(PAYMENTS)
        books.register_documents(CLOSURES)
        books.register_holds(HOLDS)
        register_loop("expire orders", expire_due_orders, pause=1.0)
