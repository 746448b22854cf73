from django.urls import path

from openplatform.core.api import converters  # noqa: F401 - registers the converters used below
from openplatform.core.api.views import routes
from orders.api import views

app_name = "orders"
urlpatterns = [
    *routes("orders", get=views.ListOrdersView, post=views.PlaceOrderView),
    path("orders/quotes", views.QuoteOrderView.as_view(), name="quote-order"),
    path("orders/<number:order_no>", views.GetOrderView.as_view(), name="get-order"),
    path(
        "orders/<number:order_no>/confirm", views.ConfirmOrderView.as_view(), name="confirm-order"
    ),
    path("orders/<number:order_no>/cancel", views.CancelOrderView.as_view(), name="cancel-order"),
    path(
        "orders/<number:order_no>/receive", views.ReceiveOrderView.as_view(), name="receive-order"
    ),
    path(
        "orders/<number:order_no>/timeline",
        views.GetOrderTimelineView.as_view(),
        name="get-order-timeline",
    ),
    path(
        "orders/<number:order_no>/shipments",
        views.ListShipmentsView.as_view(),
        name="list-shipments",
    ),
    path("shipments/<code:number>/tracking", views.GetTrackingView.as_view(), name="get-tracking"),
    path("carriers", views.ListCarriersView.as_view(), name="list-carriers"),
]
