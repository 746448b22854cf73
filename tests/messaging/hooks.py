"""Webhook endpoints of the cast, and what was sent to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from openplatform.core import clock
from openplatform.messaging.models import (
    Message,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from openplatform.messaging.services.endpoints import create_endpoint
from openplatform.messaging.services.sequencing import sequence_outbox
from tests.cast import Merchant
from tests.messaging.told import tell

URL = "https://93.184.216.34/hook"  # public, and no name to look up
MISSING = "we_0000000000000000"


def make_endpoint(merchant: Merchant, **terms: Any) -> WebhookEndpoint:
    """An endpoint of a merchant, for all types."""
    endpoint, _secret = create_endpoint(
        partner_id=merchant.partner.pk,
        actor="test",
        **{"url": URL, "types": [], "description": "", "headers": {}, **terms},
    )
    return endpoint


def tell_orders(merchant: Merchant, count: int, *, type: str = "order.created") -> None:
    """So many messages in a merchant's log, each of an order of its own."""
    for number in range(1, count + 1):
        tell(merchant, type=type, subject=f"order:S-{number}")
    sequence_outbox()


def take(endpoint: WebhookEndpoint, *, until: int | None = None) -> list[WebhookDelivery]:
    """Deliveries, still to be sent, of what waits in the log for an endpoint."""
    waiting = Message.objects.filter(
        partner_id=endpoint.partner_id, sequence__gt=endpoint.taken_sequence
    ).order_by("sequence")
    if until is not None:
        waiting = waiting.filter(sequence__lte=until)
    deliveries = [deliver(endpoint, message) for message in waiting]
    if deliveries:
        set_fields(endpoint, taken_sequence=deliveries[-1].sequence)
    return deliveries


def deliver(endpoint: WebhookEndpoint, message: Message) -> WebhookDelivery:
    """A delivery of a message, still to be sent."""
    return WebhookDelivery.objects.create(
        endpoint=endpoint,
        message_id=message.message_id,
        sequence=message.sequence,
        type=message.type,
        subject=message.subject,
        next_attempt_at=clock.now(),
    )


def settle(delivery: WebhookDelivery, status: str = "delivered", **fields: Any) -> None:
    """A delivery that is over."""
    delivered_at = clock.now() if status == "delivered" else None
    set_fields(delivery, status=status, next_attempt_at=None, delivered_at=delivered_at, **fields)


def attempt(delivery: WebhookDelivery, number: int = 1, **fields: Any) -> WebhookAttempt:
    """An attempt of a delivery, answered with 500."""
    return WebhookAttempt.objects.create(
        delivery=delivery,
        endpoint_id=delivery.endpoint_id,
        number=number,
        **{
            "url": URL,
            "started_at": clock.now(),
            "duration_ms": 12,
            "status_code": 500,
            "answer": "no",
            **fields,
        },
    )


def set_fields(row: WebhookEndpoint | WebhookDelivery, **fields: Any) -> None:
    """Change a row behind everybody's back."""
    type(row).objects.filter(pk=row.pk).update(**fields)
    row.refresh_from_db()


def fail(endpoint: WebhookEndpoint, since: datetime) -> None:
    """An endpoint that fails."""
    set_fields(
        endpoint, status="failing", failures=7, failing_since=since, warned_at=since,
        paused_until=since,
    )  # fmt: skip


def refused_with(response: Any) -> tuple[int, str]:
    """Status and code of a refusal."""
    return response.status_code, response.json()["code"]


def columns(model: type[Any]) -> list[dict[str, Any]]:
    """All rows of a table, to see that nothing changed."""
    return list(model.objects.order_by("pk").values())
