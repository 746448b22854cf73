"""All URLs. Partner endpoints carry no trailing slash; ``openplatform.core.pages`` knows /api/."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from openplatform.core.uploads.public import answer_picture
from openplatform.core.uploads.views import answer_file
from openplatform.operations import health
from openplatform.operations.metrics import answer_metrics

PARTNER_API = [  # the busiest first: they are tried one after the other
    path("", include("orders.api.urls")),
    path("", include("catalog.api.urls")),
    path("", include("accounts.api.urls")),
    path("", include("aftersales.api.urls")),
    path("", include("reconciliation.api.urls")),
    path("", include("openplatform.regions.api.urls")),
    path("", include("openplatform.messaging.api.urls")),
    path("", include("openplatform.connectors.api.urls")),
]
urlpatterns = [
    path("api/v1/", include(PARTNER_API)),
    path("", RedirectView.as_view(url="/docs")),
    path("", include("openplatform.core.api.docs")),
    path("", include("openplatform.messaging.events.urls")),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("files/<str:token>", answer_file, name="file"),
    path("pictures/<path:name>", answer_picture, name="picture"),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", answer_metrics),
]
