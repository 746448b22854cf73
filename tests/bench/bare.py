"""The least that Django can answer: one view, no middleware, no database."""

from __future__ import annotations

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path


def answer(_request: HttpRequest) -> HttpResponse:
    """A constant."""
    return HttpResponse(b'{"status":"ok"}', content_type="application/json")


urlpatterns = [path("bare", answer)]

if not settings.configured:
    settings.configure(ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__)
application = get_wsgi_application()
