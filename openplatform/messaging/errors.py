"""Refusals of the feed and of mail."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import DomainError


class CursorExpired(DomainError):
    code = "cursor_expired"
    status = 410
    title = _("Messages from that point on are no longer kept")


class MailNotFailed(DomainError):
    code = "mail_not_failed"
    status = 409
    title = _("This mail was sent, or is still being tried")
