"""Orders, their parts by warehouse, what they cost to carry, and what was shipped of them."""

from orders.models.changes import Closure, ClosureLine, Split
from orders.models.freight import FreightRule, FreightTemplate
from orders.models.orders import Order, OrderEvent, OrderLine, Suborder
from orders.models.quotes import Quote
from orders.models.shipments import Carrier, Shipment, ShipmentLine, WaybillChange

__all__ = [
    "Carrier",
    "Closure",
    "ClosureLine",
    "FreightRule",
    "FreightTemplate",
    "Order",
    "OrderEvent",
    "OrderLine",
    "Quote",
    "Shipment",
    "ShipmentLine",
    "Split",
    "Suborder",
    "WaybillChange",
]
