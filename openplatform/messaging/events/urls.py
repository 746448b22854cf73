"""Pages of the catalogue of events."""

from __future__ import annotations

from django.urls import path, re_path

from openplatform.messaging.events import pages
from openplatform.messaging.events.publication import NAME

app_name = "events"
urlpatterns = [
    path("docs/events", pages.events, name="events"),
    re_path(rf"^docs/schemas/(?P<name>{NAME.pattern})$", pages.schema, name="schema"),
]
