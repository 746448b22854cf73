"""Messages are kept 30 days, mails that were sent half a year."""

from __future__ import annotations

from openplatform.core.pruning import prune
from openplatform.messaging.models import Mail, Message

MESSAGES_KEPT_DAYS = 30
MAILS_KEPT_DAYS = 180


def prune_messages() -> int:
    """Delete what is older than 30 days; how many went."""
    return prune(Message.objects.all(), kept_days=MESSAGES_KEPT_DAYS)


def prune_mails() -> int:
    """Delete what was sent and is older than 180 days; how many went.

    What failed is kept until somebody has sent it again.
    """
    return prune(Mail.objects.filter(status=Mail.Status.SENT), kept_days=MAILS_KEPT_DAYS)
