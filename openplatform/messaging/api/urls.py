from django.urls import path

from openplatform.messaging.api.views import ListMessagesView

app_name = "messaging"
urlpatterns = [path("messages", ListMessagesView.as_view(), name="list-messages")]
