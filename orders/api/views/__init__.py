"""Orders over HTTP."""

from orders.api.views.lists import ListOrdersView
from orders.api.views.orders import (
    CancelOrderView,
    ConfirmOrderView,
    GetOrderView,
    PlaceOrderView,
)
from orders.api.views.shipments import ListCarriersView, ListShipmentsView

__all__ = [
    "CancelOrderView",
    "ConfirmOrderView",
    "GetOrderView",
    "ListCarriersView",
    "ListOrdersView",
    "ListShipmentsView",
    "PlaceOrderView",
]
