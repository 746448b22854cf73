"""What the audit trail calls the acts on mails and webhook endpoints."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.audit.actions import name_actions

name_actions(
    {
        "send_mail_again": _("Mail sent again"),
        "create_webhook_endpoint": _("Webhook endpoint added"),
        "change_webhook_endpoint": _("Webhook endpoint changed"),
        "delete_webhook_endpoint": _("Webhook endpoint deleted"),
        "rotate_webhook_secret": _("Secret of a webhook endpoint replaced"),
        "test_webhook_endpoint": _("Test message asked for"),
        "replay_webhooks": _("Messages sent again from a sequence on"),
        "resend_webhook": _("Message sent again"),
    },
    {"headers_set": _("headers set anew")},
)
