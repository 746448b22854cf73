"""The log of messages in the back office, to look at."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from openplatform.core.admin.decorators import display
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.messaging.admin.filters import (
    FoundByMessage,
    MomentsFilter,
    TypeFilter,
    sequence_of,
    subjects_of,
)
from openplatform.messaging.admin.shown import (
    described,
    link_to,
    partner_keys,
    readable,
    wrapped,
)
from openplatform.messaging.models import Message, MessageCursor, Outbox


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
        return readable(row.data)

    @display(description=_("type"), ordering="type", is_header=True)
    def kind(self, row: Outbox) -> tuple[str, str]:
        """What it means over its name."""
        return described(row.type)


@admin.register(Message)
class MessageAdmin(FoundByMessage, ReadOnlyAdmin):
    """What merchants were told."""

    list_display = ("sequence", "partner", "kind", "subject", "created_at")
    list_filter = (
        ("partner", AutocompleteSelectFilter),
        TypeFilter,
        ("created_at", MomentsFilter),
    )
    list_select_related = ("partner",)
    sortable_by = ()
    partner_path = "partner"
    fields = (
        ("partner", "sequence"), ("full_id", "delivery_link"), ("type_name", "full_subject"),
        "content", "created_at",
    )  # fmt: skip
    readonly_fields = ("full_id", "delivery_link", "type_name", "full_subject", "content")

    def list_meant(self, text: str) -> Iterator[QuerySet[Message]]:
        """By id, by subject, or by sequence with every partner."""
        yield Message.objects.filter(message_id=text)
        yield Message.objects.filter(subject__in=subjects_of(text))
        sequence = sequence_of(text)
        if sequence is not None:
            yield Message.objects.filter(partner__in=partner_keys(), sequence=sequence)

    @display(description=_("data"))
    def content(self, message: Message) -> SafeString:
        """With Chinese as it is."""
        return readable(message.data)

    @display(description=_("message id"))
    def full_id(self, message: Message) -> SafeString:
        """All of it."""
        return wrapped(message.message_id)

    @display(description=_("type"))
    def type_name(self, message: Message) -> SafeString:
        """All of it."""
        return wrapped(message.type)

    @display(description=_("subject"))
    def full_subject(self, message: Message) -> SafeString:
        """All of it."""
        return wrapped(message.subject)

    @display(description=_("webhook deliveries"))
    def delivery_link(self, message: Message) -> SafeString:
        """To where it was sent, and what became of it there."""
        url = reverse("admin:messaging_webhookdelivery_changelist", query={"q": message.message_id})
        return link_to(url, str(_("Deliveries of this message")))

    @display(description=_("type"), is_header=True)
    def kind(self, message: Message) -> tuple[str, str]:
        """What it means over its name."""
        return described(message.type)


@admin.register(MessageCursor)
class MessageCursorAdmin(ReadOnlyAdmin):
    """How far each partner's sequence has come."""

    list_display = ("partner", "last_sequence")
    list_select_related = ("partner",)
    search_fields = ("partner__code", "partner__name")
    ordering = ("partner__code",)
