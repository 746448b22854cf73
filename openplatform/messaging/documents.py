"""What the API and messages say of webhook endpoints and deliveries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openplatform.core.clock import to_text
from openplatform.messaging.headers import masked_headers
from openplatform.messaging.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint


def endpoint_document(
    endpoint: WebhookEndpoint, *, last_delivered_sequence: int, backlog: int
) -> dict[str, Any]:
    """An endpoint as its partner sees it; header values are masked, the secret is left out."""
    return {
        "id": endpoint.endpoint_id,
        "url": endpoint.url,
        "types": endpoint.types,
        "description": endpoint.description,
        "headers": masked_headers(endpoint.headers),
        "status": endpoint.status,
        "disabled_reason": endpoint.disabled_reason or None,
        "failing_since": to_text(endpoint.failing_since),
        "last_delivered_sequence": last_delivered_sequence,
        "backlog": backlog,
        "created_at": to_text(endpoint.created_at),
        "updated_at": to_text(endpoint.updated_at),
    }


def endpoint_notice(endpoint: WebhookEndpoint, *, last_delivered_sequence: int) -> dict[str, Any]:
    """The data of a message about an endpoint: its document without headers and backlog.

    Other endpoints of the partner are sent it as well, so nothing of the credentials is in it.
    """
    document = endpoint_document(
        endpoint, last_delivered_sequence=last_delivered_sequence, backlog=0
    )
    del document["headers"], document["backlog"]
    return {"endpoint": document}


def delivery_document(
    delivery: WebhookDelivery, attempts: Iterable[WebhookAttempt]
) -> dict[str, Any]:
    """A delivery with the attempts given."""
    return {
        "id": delivery.message_id,
        "sequence": delivery.sequence,
        "type": delivery.type,
        "subject": delivery.subject,
        "status": delivery.status,
        "created_at": to_text(delivery.created_at),
        "delivered_at": to_text(delivery.delivered_at),
        "next_attempt_at": to_text(delivery.next_attempt_at),
        "attempts": [attempt_document(attempt) for attempt in attempts],
    }


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


def endpoint_subject(endpoint_id: str) -> str:
    """The subject of messages about an endpoint."""
    return f"webhook_endpoint:{endpoint_id}"
