"""Webhook endpoints in the back office: how they do, what was sent there last, and the acts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter

from openplatform.core import clock
from openplatform.core.admin.decorators import display
from openplatform.core.errors import type_of_text
from openplatform.messaging.admin.console import console_of
from openplatform.messaging.admin.endpoint_acts import EndpointActs
from openplatform.messaging.admin.shown import (
    ENDPOINT_COLOURS,
    described,
    endpoint_badge,
    endpoint_state,
)
from openplatform.messaging.figures import list_last_successes, list_troubled_endpoints
from openplatform.messaging.headers import masked_headers
from openplatform.messaging.models import WebhookEndpoint
from openplatform.messaging.selectors import list_progress

DELETED, TROUBLED = "deleted", "troubled"


class StateFilter(DropdownFilter):
    """By state. Deleted ones are shown to whoever asks for them."""

    title = _("status")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """The states, those that want looking after first."""
        return [
            (TROUBLED, _("Failing, or disabled for it lately")),
            *((status.value, status.label) for status in WebhookEndpoint.Status),
            (DELETED, pgettext_lazy("of an endpoint", "Deleted")),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]
    ) -> QuerySet[WebhookEndpoint]:
        """Those in the state."""
        value = self.value()
        if value == DELETED:
            return queryset.filter(deleted_at__isnull=False)
        if value == TROUBLED:
            troubled = list_troubled_endpoints(now=clock.now()).order_by()
            return queryset.filter(pk__in=troubled.values("pk"))
        present = queryset.filter(deleted_at=None)
        return present.filter(status=value) if value in WebhookEndpoint.Status.values else present


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(EndpointActs):
    """Every change is a service's; a secret is shown once, when it is made."""

    list_display = (
        "address", "partner", "status_badge", "waiting", "last_success", "type_count",
        "created_at",
    )  # fmt: skip
    list_filter = (StateFilter, ("partner", AutocompleteSelectFilter))
    list_select_related = ("partner",)
    search_fields = ("endpoint_id", "url", "description", "partner__code", "partner__name")
    search_help_text = _("Address, description, id or partner")
    ordering = ("-id",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("partner", "endpoint_id"), "url", "description",
                    ("type_list", "header_list"),
                    ("status_name", "failing_since"), ("failures", "paused_until"),
                    ("taken_sequence", "old_secret_until"), ("created_at", "updated_at"),
                    "deleted_at",
                )
            },
        ),
    )  # fmt: skip
    readonly_fields = ("type_list", "header_list", "status_name")
    actions_detail = (
        "test", "enable", "edit",
        {
            "title": _("More"),
            "icon": "more_horiz",
            "items": ["rotate", "replay", "disable", "remove"],
        },
    )  # fmt: skip
    change_form_outer_before_template = "backoffice/webhook_console.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, with what waits for each endpoint of the page, and when it last took one."""
        response = super().changelist_view(request, extra_context)
        listed = (getattr(response, "context_data", None) or {}).get("cl")
        if listed is not None:
            self._measure(listed.result_list)
        return response

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The console above what the endpoint is."""
        endpoint: WebhookEndpoint = self.get_row(request, object_id)
        self._measure([endpoint])
        response: HttpResponse = super().change_view(
            request,
            object_id,
            form_url,
            {
                "title": _("Webhook endpoint"),
                "console": console_of(request, endpoint, now=clock.now()),
                **(extra_context or {}),
            },
        )
        return response

    def _measure(self, endpoints: Any) -> None:
        """Kept with the rows: a statement for all, not one for each."""
        rows = list(endpoints)
        keys = [endpoint.pk for endpoint in rows]
        progress, successes = list_progress(keys), list_last_successes(keys)
        for endpoint in rows:
            endpoint.backlog = progress[endpoint.pk].backlog
            endpoint.last_success_at = successes[endpoint.pk]

    @display(description=_("address"), ordering="url", is_header=True)
    def address(self, endpoint: WebhookEndpoint) -> tuple[SafeString, str]:
        """Over the description."""
        url = format_html('<span style="overflow-wrap: anywhere">{}</span>', endpoint.url)
        return url, endpoint.description

    @display(description=_("status"), ordering="status", label=ENDPOINT_COLOURS)
    def status_badge(self, endpoint: WebhookEndpoint) -> tuple[str, type_of_text]:
        """A badge."""
        return endpoint_badge(endpoint)

    @display(description=_("status"))
    def status_name(self, endpoint: WebhookEndpoint) -> str:
        """In words, with the reason."""
        return endpoint_state(endpoint)

    @display(description=_("waiting messages"))
    def waiting(self, endpoint: WebhookEndpoint) -> str:
        """What is still to be sent."""
        backlog: int = endpoint.backlog  # type: ignore[attr-defined] # see _measure
        return f"{backlog:,}"

    @display(description=_("last success"))
    def last_success(self, endpoint: WebhookEndpoint) -> datetime | None:
        """When it last took a message."""
        moment: datetime | None = endpoint.last_success_at  # type: ignore[attr-defined] # likewise
        return moment

    @display(description=_("types"))
    def type_count(self, endpoint: WebhookEndpoint) -> str | type_of_text:
        """How many it wants."""
        return f"{len(endpoint.types):,}" if endpoint.types else _("all")

    @display(description=_("types"))
    def type_list(self, endpoint: WebhookEndpoint) -> SafeString | type_of_text:
        """With what each means."""
        if not endpoint.types:
            return _("All of them")
        return format_html_join(
            "", "<div>{} <code>{}</code></div>", (described(name) for name in endpoint.types)
        )

    @display(description=_("headers"))
    def header_list(self, endpoint: WebhookEndpoint) -> SafeString | str:
        """The names; never what they say."""
        headers = masked_headers(endpoint.headers)
        if not headers:
            return "-"
        return format_html_join("", "<div><code>{}: {}</code></div>", headers.items())
