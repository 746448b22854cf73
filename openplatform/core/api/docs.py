"""The published contract: the OpenAPI document, Swagger UI, and a page for every error code."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import translation
from drf_spectacular.views import SpectacularSwaggerView

from openplatform.core.errors import CODES

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"


def openapi(request: HttpRequest) -> FileResponse:
    """The committed document; a test sees to it that it is the one the code generates."""
    return FileResponse(DOCUMENT.open("rb"), content_type="application/yaml")


def errors(request: HttpRequest, code: str = "") -> HttpResponse:
    """What the codes mean, one of them or all."""
    if code and code not in CODES:
        raise Http404
    shown = (
        [CODES[code]] if code else sorted(CODES.values(), key=lambda one: (one.status, one.code))
    )
    rows = []
    for error in shown:
        titles = {}
        for language in ("zh-hans", "en"):
            with translation.override(language):
                titles[language] = str(error.title)
        rows.append(
            {
                "code": error.code,
                "status": error.status,
                "chinese": titles["zh-hans"],
                "english": titles["en"],
                "is_retryable": error.retry_after is not None,
            }
        )
    return render(request, "docs/errors.html", {"rows": rows, "is_one": bool(code)})


app_name = "docs"
urlpatterns = [
    path("docs", SpectacularSwaggerView.as_view(url_name="docs:openapi"), name="swagger"),
    path("docs/openapi.yaml", openapi, name="openapi"),
    path("docs/errors", errors, name="errors"),
    path("docs/errors/<slug:code>", errors, name="error"),
]
