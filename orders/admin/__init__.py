"""Orders, shipping and freight in the back office."""

from orders.admin import freight, orders, shipments, suborders

__all__ = ["freight", "orders", "shipments", "suborders"]
