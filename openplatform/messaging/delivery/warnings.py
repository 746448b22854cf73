"""Endpoints that fail for long: who is told, and when it is over."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings

from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from openplatform.messaging.documents import endpoint_notice, endpoint_subject
from openplatform.messaging.messages import ENDPOINT_DISABLED
from openplatform.messaging.models import WebhookAttempt, WebhookEndpoint
from openplatform.messaging.selectors import list_progress
from openplatform.messaging.services.mailing import queue_mail
from openplatform.messaging.services.publishing import publish

log = structlog.get_logger(__name__)

TOPIC = "endpoint_failing"
WARN_AFTER = timedelta(hours=1)
WARN_EVERY = timedelta(days=1)

# The first mail an hour after the failures began; that it began to fail was told before.
LATE = """
    SELECT id, failing_since <= clock_timestamp() - %(give_up)s AS is_over
    FROM messaging_webhookendpoint
    WHERE status = 'failing' AND (
        failing_since <= clock_timestamp() - %(give_up)s
        OR (failing_since <= clock_timestamp() - %(after)s AND (
            warned_at IS NULL OR warned_at < failing_since + %(after)s
            OR warned_at <= clock_timestamp() - %(every)s
        ))
    )
    ORDER BY failing_since LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
"""
GIVE_UP = """
    UPDATE messaging_webhookendpoint
    SET status = 'disabled', disabled_reason = 'failing', paused_until = NULL,
        updated_at = clock_timestamp()
    WHERE id = %s
"""
WARNED = "UPDATE messaging_webhookendpoint SET warned_at = clock_timestamp() WHERE id = %s"


def warn_of_failing_endpoints() -> int:
    """Loop: mail the contacts of endpoints that fail for an hour, and daily from then on; disable
    those that fail for ``WEBHOOK_DISABLE_AFTER`` days. How many it was.
    """
    count = 0
    while warn_of_next():
        count += 1
    return count


@transactional
def warn_of_next() -> bool:
    """One endpoint; whether there was any. Its row is locked, which its sender waits for."""
    asked = {
        "give_up": timedelta(days=settings.WEBHOOK_DISABLE_AFTER),
        "after": WARN_AFTER,
        "every": WARN_EVERY,
    }
    found = send(LATE, asked).row()
    if found is None:
        return False
    endpoint_pk, is_over = found
    if is_over:
        send(GIVE_UP, [endpoint_pk])
        tell_of(endpoint_pk, ENDPOINT_DISABLED, by_mail=True)
    else:
        tell_of(endpoint_pk, None, by_mail=True)
    return True


def tell_of(endpoint_pk: int, message_type: str | None, *, by_mail: bool) -> None:
    """Step: tell the partner of its endpoint as it is now, and note when.

    :param message_type: of the message; None for no message.
    :param by_mail: whether the technical contacts have a mail, too.
    """
    send(WARNED, [endpoint_pk])
    endpoint = WebhookEndpoint.objects.select_related("partner").get(pk=endpoint_pk)
    progress = list_progress([endpoint_pk])[endpoint_pk]
    if message_type is not None:
        publish(
            type=message_type,
            subject=endpoint_subject(endpoint.endpoint_id),
            data=endpoint_notice(
                endpoint, last_delivered_sequence=progress.last_delivered_sequence
            ),
            partner_ids=[endpoint.partner_id],
        )
    if by_mail:
        queue_mail(
            topic=TOPIC,
            partner_id=endpoint.partner_id,
            facts={
                "endpoint": {
                    "id": endpoint.endpoint_id,
                    "url": endpoint.url,
                    "description": endpoint.description,
                    "status": endpoint.status,
                    "disabled_reason": endpoint.disabled_reason,
                },
                "partner": {"name": endpoint.partner.name, "code": endpoint.partner.code},
                "since": _minute(endpoint.failing_since),
                "until": _minute(_end_of(endpoint)),
                "last_error": _last_error(endpoint_pk),
                "backlog": progress.backlog,
            },
        )
    log.warning(
        "endpoint_failing",
        endpoint=endpoint.endpoint_id,
        status=endpoint.status,
        reason=endpoint.disabled_reason,
    )


def _end_of(endpoint: WebhookEndpoint) -> datetime | None:
    """When it will be disabled."""
    since = endpoint.failing_since
    return since and since + timedelta(days=settings.WEBHOOK_DISABLE_AFTER)


def _minute(moment: datetime | None) -> str:
    return f"{moment.astimezone(PLATFORM_ZONE):%Y-%m-%d %H:%M}" if moment else ""


def _last_error(endpoint_pk: int) -> str:
    attempts = WebhookAttempt.objects.filter(endpoint_id=endpoint_pk)
    last = attempts.order_by("-started_at", "-id").first()
    if last is None:
        return ""
    return last.error or f"HTTP {last.status_code}"
