from django.urls import path

from accounts.api import views

app_name = "accounts"
urlpatterns = [
    path("key", views.GetKeyView.as_view(), name="get-key"),
    path("account", views.GetAccountView.as_view(), name="get-account"),
    path("account/entries", views.ListAccountEntriesView.as_view(), name="list-account-entries"),
]
