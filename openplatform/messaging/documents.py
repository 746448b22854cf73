"""What the API and messages say of webhook endpoints and deliveries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from openplatform.core import clock
from openplatform.core.clock import to_text
from openplatform.messaging.headers import masked_headers
from openplatform.messaging.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint


def endpoint_document(
    endpoint: WebhookEndpoint, *, last_delivered_sequence: int, backlog: int
) -> dict[str, Any]:
    """An endpoint as its partner sees it; header values are masked, the secret is left out.

    Nothing is sent before ``next_attempt_at``: while it fails, the next request that probes it is
    due then; else its receiver asked for it. Null: there is nothing to wait for.
    """
    return {
        "id": endpoint.endpoint_id,
        "url": endpoint.url,
        "types": endpoint.types,
        "description": endpoint.description,
        "headers": masked_headers(endpoint.headers),
        "status": endpoint.status,
        "disabled_reason": endpoint.disabled_reason or None,
        "failing_since": to_text(endpoint.failing_since),
        "next_attempt_at": to_text(_pause_of(endpoint)),
        "last_delivered_sequence": last_delivered_sequence,
        "backlog": backlog,
        "created_at": to_text(endpoint.created_at),
        "updated_at": to_text(endpoint.updated_at),
    }


def endpoint_notice(endpoint: WebhookEndpoint, *, last_delivered_sequence: int) -> dict[str, Any]:
    """The data of a message about an endpoint: its document without headers, backlog and plans.

    Other endpoints of the partner are sent it as well, so nothing of the credentials is in it; and
    when it is tried next is past by the time that it is read.
    """
    document = endpoint_document(
        endpoint, last_delivered_sequence=last_delivered_sequence, backlog=0
    )
    del document["headers"], document["backlog"], document["next_attempt_at"]
    return {"endpoint": document}


def delivery_document(
    delivery: WebhookDelivery, attempts: Iterable[WebhookAttempt], *, endpoint: WebhookEndpoint
) -> dict[str, Any]:
    """A delivery of an endpoint's with the attempts given.

    ``next_attempt_at`` is null also while it is not known: it waits until its endpoint takes
    messages again.
    """
    return {
        "id": delivery.message_id,
        "sequence": delivery.sequence,
        "type": delivery.type,
        "subject": delivery.subject,
        "status": delivery.status,
        "created_at": to_text(delivery.created_at),
        "delivered_at": to_text(delivery.delivered_at),
        "next_attempt_at": to_text(next_attempt_of(delivery, endpoint)),
        "attempts": [attempt_document(attempt) for attempt in attempts],
    }


def next_attempt_of(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> datetime | None:
    """When a delivery is due, as far as that is known. What was asked for by name waits for none
    of its endpoint's pauses; anything else waits, and for how long a failing or disabled endpoint
    does so nobody can tell.
    """
    moment = delivery.next_attempt_at
    if moment is None or endpoint.status == WebhookEndpoint.Status.DISABLED:
        return None
    if delivery.is_wanted_now:
        return moment
    if endpoint.status == WebhookEndpoint.Status.FAILING:
        return None
    return max(moment, _pause_of(endpoint) or moment)


def attempt_document(attempt: WebhookAttempt) -> dict[str, Any]:
    """One request and what came of it."""
    return {
        "number": attempt.number,
        "at": to_text(attempt.started_at),
        "url": attempt.url,
        "status_code": attempt.status_code,
        "duration_ms": attempt.duration_ms,
        "error": attempt.error or None,
        "answer": attempt.answer,
        "next_attempt_at": to_text(attempt.next_attempt_at),
    }


def _pause_of(endpoint: WebhookEndpoint) -> datetime | None:
    """Until when nothing is sent there; a pause that is over is none."""
    until = endpoint.paused_until
    return until if until is not None and until > clock.now() else None


def endpoint_subject(endpoint_id: str) -> str:
    """The subject of messages about an endpoint."""
    return f"webhook_endpoint:{endpoint_id}"
