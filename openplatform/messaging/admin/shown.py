"""How messages, deliveries and answers look on the pages."""

from __future__ import annotations

import json
from typing import Any

from django.db.models import Model, QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import pgettext_lazy

from openplatform.core.errors import type_of_text
from openplatform.messaging.models import Message, WebhookEndpoint
from openplatform.messaging.types import TYPES

ENDPOINT_COLOURS = {
    "enabled": "success", "failing": "danger", "disabled": "neutral", "deleted": "neutral",
}  # fmt: skip
DELIVERY_COLOURS = {"pending": "info", "delivered": "success", "set_aside": "danger"}


def described(name: str) -> tuple[str, str]:
    """What a type means, and its name."""
    message_type = TYPES.get(name)
    return (str(message_type.description) if message_type else "", name)


def readable(data: object) -> SafeString:
    """JSON line by line, with Chinese as it is."""
    text = json.dumps(data, ensure_ascii=False, indent=2)
    return format_html('<pre class="overflow-auto" style="white-space: pre-wrap">{}</pre>', text)


def endpoint_badge(endpoint: WebhookEndpoint) -> tuple[str, type_of_text]:
    """Its state, for a column with ENDPOINT_COLOURS."""
    if endpoint.deleted_at is not None:
        return "deleted", pgettext_lazy("of an endpoint", "Deleted")
    return endpoint.status, endpoint.get_status_display()


def endpoint_state(endpoint: WebhookEndpoint) -> str:
    """The same in words, with the reason."""
    _state, name = endpoint_badge(endpoint)
    reason = endpoint.get_disabled_reason_display() if endpoint.disabled_reason else ""
    return f"{name}: {reason}" if reason else str(name)


def partner_keys(**terms: Any) -> list[int]:
    """The keys of partners; their app stands above this one."""
    partners: QuerySet[Any] = Message.partner.field.related_model._default_manager.filter(**terms)
    return list(partners.order_by().values_list("pk", flat=True))


def page_of(row: Model) -> str:
    """The address of a row's own page."""
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=(row.pk,))


def link_to(url: str, text: str) -> SafeString:
    """A link within a page."""
    return format_html(
        '<a class="text-primary-600 dark:text-primary-500" style="overflow-wrap: anywhere"'
        ' href="{}">{}</a>',
        url,
        text,
    )


def wrapped(text: str) -> SafeString:
    """An id or a name that goes on in the next line where there is no room."""
    return format_html('<span style="overflow-wrap: anywhere">{}</span>', text)
