"""Orders, shipping and freight in the back office."""

from orders.admin import changes, freight, orders, quotes, shipments, suborders

__all__ = ["changes", "freight", "orders", "quotes", "shipments", "suborders"]
