from __future__ import annotations

from django.urls import path

from openplatform.regions.api.views import (
    GetRegionsFileView,
    GetRegionView,
    ListRegionsView,
    ResolveRegionView,
)

app_name = "regions"
urlpatterns = [
    path("regions", ListRegionsView.as_view(), name="list-regions"),
    path("regions/file", GetRegionsFileView.as_view(), name="get-regions-file"),
    path("regions/resolve", ResolveRegionView.as_view(), name="resolve-region"),
    path("regions/<str:code>", GetRegionView.as_view(), name="get-region"),
]
