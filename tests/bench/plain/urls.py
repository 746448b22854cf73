"""One endpoint."""

from __future__ import annotations

from django.urls import path

from tests.bench.plain.views import OrderCreateView

urlpatterns = [path("plain/orders", OrderCreateView.as_view(), name="plain-orders")]
