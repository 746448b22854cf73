"""Mails in the back office, to look at and to send again."""

from __future__ import annotations

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

from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.core.errors import type_of_text
from openplatform.messaging.models import Mail
from openplatform.messaging.services.sending import send_again

MAIL_COLOURS = {"pending": "info", "sent": "success", "failed": "danger"}


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
