"""Refusals of the feed, of webhooks and of mail."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import DomainError


class CursorExpired(DomainError):
    code = "cursor_expired"
    status = 410
    title = _("Messages from that point on are no longer kept")


class MessageExpired(DomainError):
    code = "message_expired"
    status = 410
    title = _("This message is no longer kept")


class WebhookEndpointDisabled(DomainError):
    code = "webhook_endpoint_disabled"
    status = 409
    title = _("This webhook endpoint is disabled")


class MailNotFailed(DomainError):
    code = "mail_not_failed"
    status = 409
    title = _("This mail was sent, or is still being tried")
