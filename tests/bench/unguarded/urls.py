"""The platform's prices for anybody: no key is read, no scope asked for, no request counted."""

from __future__ import annotations

from django.urls import path
from rest_framework.request import Request

from catalog.api.views import ListPricesView
from openplatform.core.api.caller import Caller


class UnguardedPricesView(ListPricesView):
    """Believes whoever says which partner it is, where the key would stand."""

    operation = "unguarded_prices"

    def perform_authentication(self, request: Request) -> None:
        _scheme, _, partner_id = request.META["HTTP_AUTHORIZATION"].partition(" ")
        request.auth = Caller(int(partner_id), 0, "", frozenset())

    def check_permissions(self, request: Request) -> None:
        """Anybody may."""


urlpatterns = [
    path("api/v1/unguarded/prices", UnguardedPricesView.as_view(), name="unguarded-prices")
]
