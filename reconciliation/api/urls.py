"""URLs of statements, reconciliations, bills and invoices."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "reconciliation"
urlpatterns: list[URLPattern] = []
