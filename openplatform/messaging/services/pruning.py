"""Messages, and what became of them at webhook endpoints, are kept 30 days, mails half a year."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from django.db.models import Exists, Model, OuterRef, QuerySet
from django.db.models.functions import Now

from openplatform.core.pruning import delete_in_batches, prune
from openplatform.core.statements import send
from openplatform.messaging.models import (
    Mail,
    Message,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)

MESSAGES_KEPT_DAYS = 30
MAILS_KEPT_DAYS = 180

# By sequence: messages go the oldest first, so this is a look at each endpoint's first few. What is
# written just now is passed over; it is looked at again tomorrow.
SET_ASIDE = """
    UPDATE messaging_webhookdelivery
    SET status = 'set_aside', next_attempt_at = NULL, is_wanted_now = false
    WHERE id IN (
        SELECT delivery.id
        FROM messaging_webhookendpoint endpoint
        CROSS JOIN LATERAL (
            SELECT min(sequence) AS oldest FROM messaging_message
            WHERE partner_id = endpoint.partner_id
        ) kept
        JOIN messaging_webhookdelivery delivery ON delivery.endpoint_id = endpoint.id
            AND delivery.status = 'pending'
            AND (kept.oldest IS NULL OR delivery.sequence < kept.oldest)
        FOR NO KEY UPDATE OF delivery SKIP LOCKED
    )
    RETURNING id
"""


def prune_messages() -> int:
    """Delete what is older than 30 days; how many went."""
    return prune(Message.objects.all(), kept_days=MESSAGES_KEPT_DAYS)


def prune_webhooks() -> int:
    """Delete attempts older than 30 days, then deliveries of that age that have none left, then
    endpoints that were deleted as long ago; how many rows went.

    A delivery whose message is gone can no longer be sent: it is set aside.
    """
    send(SET_ASIDE).rows()
    limit = Now() - timedelta(days=MESSAGES_KEPT_DAYS)
    # By primary key, which follows time closely enough to find the old ones first.
    attempts = WebhookAttempt.objects.filter(started_at__lt=limit).order_by("id")
    left = WebhookAttempt.objects.filter(delivery=OuterRef("pk"))
    deliveries = WebhookDelivery.objects.filter(
        ~Exists(left), created_at__lt=limit
    ).order_by("created_at")  # fmt: skip
    tried = WebhookAttempt.objects.filter(endpoint=OuterRef("pk"))
    sent = WebhookDelivery.objects.filter(endpoint=OuterRef("pk"))
    endpoints = WebhookEndpoint.objects.filter(
        ~Exists(tried), ~Exists(sent), deleted_at__lt=limit
    ).order_by("id")  # fmt: skip
    return sum(
        delete_in_batches(cast("QuerySet[Model]", rows))
        for rows in (attempts, deliveries, endpoints)
    )


def prune_mails() -> int:
    """Delete what was sent and is older than 180 days; how many went.

    What failed is kept until somebody has sent it again.
    """
    return prune(Mail.objects.filter(status=Mail.Status.SENT), kept_days=MAILS_KEPT_DAYS)
