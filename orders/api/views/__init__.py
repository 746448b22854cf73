"""Orders over HTTP."""

from orders.api.views.lists import ListOrdersView
from orders.api.views.orders import (
    CancelOrderView,
    ConfirmOrderView,
    GetOrderView,
    PlaceOrderView,
)
from orders.api.views.quotes import QuoteOrderView
from orders.api.views.shipments import ListCarriersView, ListShipmentsView, ReceiveOrderView
from orders.api.views.timeline import GetOrderTimelineView
from orders.api.views.tracking import GetTrackingView

__all__ = [
    "CancelOrderView",
    "ConfirmOrderView",
    "GetOrderTimelineView",
    "GetOrderView",
    "GetTrackingView",
    "ListCarriersView",
    "ListOrdersView",
    "ListShipmentsView",
    "PlaceOrderView",
    "QuoteOrderView",
    "ReceiveOrderView",
]
