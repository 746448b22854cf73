"""Endpoints with messages for them, and a pump that sends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import uvloop
from django.conf import settings

from openplatform.core.outgoing.async_client import AsyncClient
from openplatform.messaging.delivery.pump import Pump
from openplatform.messaging.models import (
    Message,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from openplatform.messaging.services.endpoints import create_endpoint
from openplatform.messaging.services.sequencing import sequence_outbox
from tests.cast import Merchant
from tests.messaging.delivery.receivers import Receiver
from tests.messaging.told import tell

Status = WebhookEndpoint.Status


def register(
    merchant: Merchant,
    receiver: Receiver | str,
    *,
    types: tuple[str, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> WebhookEndpoint:
    """An endpoint of this merchant's at a receiver."""
    endpoint, _secret = create_endpoint(
        partner_id=merchant.partner.pk,
        url=receiver if isinstance(receiver, str) else receiver.url,
        types=types,
        description="",
        headers=headers or {},
        actor="test",
    )
    return endpoint


def tell_all(merchant: Merchant, *subjects: str, type: str = "order.created") -> None:
    """A message on each of these subjects, in this order, sequenced."""
    for number, subject in enumerate(subjects):
        tell(merchant, subject=subject, type=type, n=number)
    sequence_all()


def sequence_all() -> None:
    """Give every message in the outbox its number."""
    while sequence_outbox():
        pass


def with_pump(work: Callable[[Pump], Awaitable[None]]) -> None:
    """Let a pump work; then it stops in order."""

    async def run() -> None:
        async with AsyncClient(
            timeout=settings.WEBHOOK_TIMEOUT, private_hosts=settings.WEBHOOK_PRIVATE_HOSTS
        ) as client:
            pump = Pump(client)
            try:
                await work(pump)
                await pump.stop()
            finally:
                await pump.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def send_due() -> None:
    """Send all that can be sent now."""
    with_pump(lambda pump: pump.drain())


def make_due(endpoint: WebhookEndpoint, **changes: Any) -> None:
    """Time goes by: what waits for its next attempt, or its next probe, is due."""
    WebhookDelivery.objects.filter(endpoint=endpoint, status="pending").update(
        next_attempt_at=endpoint.created_at
    )
    WebhookEndpoint.objects.filter(pk=endpoint.pk, paused_until__isnull=False).update(
        paused_until=endpoint.created_at
    )


def state_of(endpoint: WebhookEndpoint) -> tuple[str, int]:
    """Its status, and failures in a row."""
    endpoint.refresh_from_db()
    return endpoint.status, endpoint.failures


def deliveries_of(endpoint: WebhookEndpoint) -> list[tuple[int, str, int, int]]:
    """Sequence, status, tries and attempts, by sequence."""
    rows = WebhookDelivery.objects.filter(endpoint=endpoint).order_by("sequence")
    return [(row.sequence, row.status, row.tries, row.attempts) for row in rows]


def attempts_of(endpoint: WebhookEndpoint) -> list[WebhookAttempt]:
    """As they were made."""
    return list(
        WebhookAttempt.objects.filter(endpoint=endpoint).select_related("delivery").order_by("id")
    )


def message(sequence: int, merchant: Merchant) -> Message:
    """One of a merchant's messages."""
    return Message.objects.get(partner=merchant.partner, sequence=sequence)
