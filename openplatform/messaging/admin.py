"""Messages in the back office, to look at."""

from __future__ import annotations

import json

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter

from openplatform.core.admin.decorators import display
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.messaging.models import Message, MessageCursor, Outbox
from openplatform.messaging.types import TYPES


def _described(name: str) -> tuple[str, str]:
    message_type = TYPES.get(name)
    return (str(message_type.description) if message_type else "", name)


def _readable(data: object) -> SafeString:
    text = json.dumps(data, ensure_ascii=False, indent=2)
    return format_html('<pre class="overflow-auto" style="white-space: pre-wrap">{}</pre>', text)


@admin.register(Outbox)
class OutboxAdmin(ReadOnlyAdmin):
    """What waits for its numbers; empty most of the time."""

    list_display = ("id", "kind", "subject", "partner_ids", "created_at")
    search_fields = ("type", "subject")
    search_help_text = _("Type or subject")
    ordering = ("id",)
    fields = ("type", "subject", "partner_ids", "content", "created_at")
    readonly_fields = ("content",)

    @display(description=_("data"))
    def content(self, row: Outbox) -> SafeString:
        """With Chinese as it is."""
        return _readable(row.data)

    @display(description=_("type"), ordering="type", is_header=True)
    def kind(self, row: Outbox) -> tuple[str, str]:
        """What it means over its name."""
        return _described(row.type)


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """What merchants were told."""

    list_display = ("sequence", "partner", "kind", "subject", "created_at")
    list_filter = (("partner", AutocompleteSelectFilter), ("created_at", RangeDateFilter))
    list_select_related = ("partner",)
    search_fields = ("type", "subject", "message_id", "partner__code")
    search_help_text = _("Type, subject, id or code of a partner")
    ordering = ("-id",)
    fields = (("partner", "sequence"), "message_id", "type", "subject", "content", "created_at")
    readonly_fields = ("content",)

    @display(description=_("data"))
    def content(self, message: Message) -> SafeString:
        """With Chinese as it is."""
        return _readable(message.data)

    @display(description=_("type"), ordering="type", is_header=True)
    def kind(self, message: Message) -> tuple[str, str]:
        """What it means over its name."""
        return _described(message.type)


@admin.register(MessageCursor)
class MessageCursorAdmin(ReadOnlyAdmin):
    """How far each partner's sequence has come."""

    list_display = ("partner", "last_sequence")
    list_select_related = ("partner",)
    search_fields = ("partner__code", "partner__name")
    ordering = ("partner__code",)
