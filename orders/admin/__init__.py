"""Orders, shipping and freight in the back office."""

from orders.admin import changes, closures, freight, orders, quotes, shipments, suborders

__all__ = ["changes", "closures", "freight", "orders", "quotes", "shipments", "suborders"]
