from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    name = "orders"
    verbose_name = _("Orders")

    def ready(self) -> None:
        from accounts import books
        from openplatform.connectors.interest import register_interest
        from openplatform.core.background import register_daily_job, register_loop
        from openplatform.imports import resources
        from openplatform.messaging import types
        from orders import timeline
        from orders.books import CLOSURES, HOLDS, PAYMENTS
        from orders.imports import RESOURCES
        from orders.messages import MESSAGE_TYPES
        from orders.selectors.timeline import read_closures
        from orders.services.cancellation import expire_due_orders
        from orders.services.parcel_following import awaits_parcel, follow_changed_parcels
        from orders.services.quoting import prune_quotes
        from orders.services.receipt import receive_due_suborders

        types.register(*MESSAGE_TYPES)
        resources.register(*RESOURCES)
        books.register_documents(PAYMENTS)
        books.register_documents(CLOSURES)
        books.register_holds(HOLDS)
        timeline.register_refunds("closure", read_closures)
        register_interest(awaits_parcel)
        register_loop("expire orders", expire_due_orders, pause=1.0)
        register_loop("follow parcels", follow_changed_parcels, pause=0.5)
        register_daily_job("watch parcels", "orders.services.parcel_following.watch_open_parcels")
        register_loop("receive what arrived", receive_due_suborders, pause=5.0)
        register_loop("prune quotes", prune_quotes, pause=60.0)
        register_daily_job("erase consignees", "orders.services.erasure.erase_due_consignees")
