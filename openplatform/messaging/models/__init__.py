"""The log of messages, what carries it to webhook endpoints, and mails."""

from openplatform.messaging.models.log import Message, MessageCursor, Outbox
from openplatform.messaging.models.mails import Mail
from openplatform.messaging.models.webhooks import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)

__all__ = [
    "Mail",
    "Message",
    "MessageCursor",
    "Outbox",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
]
