from django.urls import path

from openplatform.connectors.api import views
from openplatform.core.api import converters  # noqa: F401 - registers the converters used below

app_name = "connectors"
urlpatterns = [
    path(
        "callbacks/logistics/<code:provider>",
        views.ReceiveTrackingView.as_view(),
        name="receive-tracking",
    ),
]
