"""Messages, webhooks and mails in the back office."""

from openplatform.messaging.admin import actions, deliveries, endpoints, log, mails

__all__ = ["actions", "deliveries", "endpoints", "log", "mails"]
