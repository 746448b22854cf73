"""Messages and mails in the back office, to look at."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
)

from openplatform.audit.actions import name_actions
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.core.errors import type_of_text
from openplatform.messaging.models import Mail, Message, MessageCursor, Outbox
from openplatform.messaging.services.sending import send_again
from openplatform.messaging.types import TYPES

name_actions({"send_mail_again": _("Mail sent again")})

MAIL_COLOURS = {"pending": "info", "sent": "success", "failed": "danger"}


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


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin):
    """What people were written, and whether it went."""

    list_display = (
        "subject", "recipient", "partner", "status_badge", "attempts", "created_at", "sent_at",
        "last_error",
    )  # fmt: skip
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("partner", AutocompleteSelectFilter),
        ("created_at", RangeDateFilter),
    )
    list_select_related = ("partner",)
    search_fields = ("subject", "recipient_name", "recipient_email", "topic", "partner__code")
    search_help_text = _("Subject, recipient, topic or code of a partner")
    ordering = ("-id",)
    fields = (
        "subject", ("recipient_name", "recipient_email"), ("topic", "partner"), "text",
        ("status", "attempts"), "last_error",
        ("created_at", "next_attempt_at", "sent_at"),
    )  # fmt: skip
    readonly_fields = ("text",)
    actions_detail = ("again",)
    actions_row = ("again",)

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[Any]:
        """No button where there is nothing to send again."""
        mail = self.get_object(request, str(object_id))
        if mail is None or mail.status != Mail.Status.FAILED:
            return []
        actions: list[Any] = super().get_actions_detail(request, object_id)
        return actions

    def has_again_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may change mails, which is only this."""
        return bool(request.user.has_perm("messaging.change_mail"))

    @action(
        description=_("Send again"),
        permissions=["again"],
        url_path="send-again",
        icon="outgoing_mail",
        is_primary=True,
    )
    def again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Have the worker try a failed mail from the beginning."""
        mail: Mail = self.get_row(request, object_id)

        def call(values: Values) -> type_of_text:
            send_again(mail_id=mail.pk, actor=request.user.get_username())
            return _("The mail will be sent again")

        return answer_form_page(
            self,
            request,
            form_class=Form,
            title=_("Send again"),
            submit=_("Send again"),
            call=call,
            back_to=reverse("admin:messaging_mail_change", args=(mail.pk,)),
            subject=mail,
            extra_context={
                "facts": [
                    (_("recipient"), f"{mail.recipient_name} <{mail.recipient_email}>"),
                    (_("status"), mail.get_status_display()),
                    (_("attempts"), mail.attempts),
                    (_("last error"), mail.last_error or "-"),
                ]
            },
        )

    @display(description=_("recipient"), ordering="recipient_name", is_header=True)
    def recipient(self, mail: Mail) -> tuple[str, str]:
        """Name over address."""
        return mail.recipient_name, mail.recipient_email

    @display(description=_("status"), ordering="status", label=MAIL_COLOURS)
    def status_badge(self, mail: Mail) -> tuple[str, str]:
        """A badge."""
        return mail.status, mail.get_status_display()

    @display(description=_("text"))
    def text(self, mail: Mail) -> SafeString:
        """Line by line."""
        return format_html('<pre style="white-space: pre-wrap">{}</pre>', mail.body)
