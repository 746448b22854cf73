from django.urls import path

from accounts.api import top_up_views, views
from openplatform.core.api import converters  # noqa: F401 - registers the converters used below
from openplatform.core.api.views import routes

app_name = "accounts"
urlpatterns = [
    path("key", views.GetKeyView.as_view(), name="get-key"),
    path("account", views.GetAccountView.as_view(), name="get-account"),
    path("account/entries", views.ListAccountEntriesView.as_view(), name="list-account-entries"),
    *routes(
        "account/top-ups",
        get=top_up_views.ListTopUpsView,
        post=top_up_views.ReportTopUpView,
    ),
    path(
        "account/top-ups/proofs",
        top_up_views.SendTopUpProofView.as_view(),
        name="send-top-up-proof",
    ),
    path(
        "account/top-ups/<number:top_up_no>",
        top_up_views.GetTopUpView.as_view(),
        name="get-top-up",
    ),
]
