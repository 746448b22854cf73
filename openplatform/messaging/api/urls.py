from django.urls import path

from openplatform.core.api import converters  # noqa: F401 - registers the converters used below
from openplatform.core.api.views import routes
from openplatform.messaging.api import webhook_views
from openplatform.messaging.api.views import ListMessagesView

ENDPOINT = "webhook-endpoints/<code:endpoint_id>"

app_name = "messaging"
urlpatterns = [
    path("messages", ListMessagesView.as_view(), name="list-messages"),
    *routes(
        "webhook-endpoints",
        get=webhook_views.ListWebhookEndpointsView,
        post=webhook_views.CreateWebhookEndpointView,
    ),
    *routes(
        ENDPOINT,
        get=webhook_views.GetWebhookEndpointView,
        patch=webhook_views.ChangeWebhookEndpointView,
        delete=webhook_views.DeleteWebhookEndpointView,
    ),
    path(
        f"{ENDPOINT}/rotate-secret",
        webhook_views.RotateWebhookSecretView.as_view(),
        name="rotate-webhook-secret",
    ),
    path(f"{ENDPOINT}/test", webhook_views.SendTestMessageView.as_view(), name="send-test-message"),
    path(f"{ENDPOINT}/replay", webhook_views.ReplayMessagesView.as_view(), name="replay-messages"),
    path(
        f"{ENDPOINT}/deliveries",
        webhook_views.ListWebhookDeliveriesView.as_view(),
        name="list-webhook-deliveries",
    ),
    path(
        f"{ENDPOINT}/deliveries/<code:message_id>/resend",
        webhook_views.ResendMessageView.as_view(),
        name="resend-message",
    ),
]
