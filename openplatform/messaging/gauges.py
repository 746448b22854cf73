"""Figures of messages and their deliveries, for ``/metrics`` and ``/readyz``."""

from __future__ import annotations

from collections.abc import Iterable

from openplatform.core.statements import send
from openplatform.messaging.models import WebhookEndpoint
from openplatform.operations.gauges import Gauge

OUTBOX = """
    SELECT count(*),
        coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8
    FROM messaging_outbox
"""
OLDEST = """
    SELECT greatest(extract(epoch FROM clock_timestamp() - created_at), 0)::float8
    FROM messaging_outbox ORDER BY id LIMIT 1
"""
SEQUENCED = "SELECT coalesce(sum(last_sequence), 0)::float8 FROM messaging_messagecursor"
ENDPOINTS = """
    SELECT status, count(*),
        coalesce(sum(greatest(cursor.last_sequence - taken_sequence, 0)), 0)::float8
    FROM messaging_webhookendpoint endpoint
    LEFT JOIN messaging_messagecursor cursor USING (partner_id)
    WHERE deleted_at IS NULL
    GROUP BY status
"""
OPEN = """
    SELECT count(*) FILTER (WHERE delivery.next_attempt_at <= clock_timestamp()),
        count(*) FILTER (WHERE delivery.next_attempt_at > clock_timestamp()),
        greatest(extract(epoch FROM clock_timestamp() - min(delivery.next_attempt_at) FILTER (
            WHERE endpoint.status = 'enabled'
                AND coalesce(endpoint.paused_until, '-infinity') <= clock_timestamp()
        )), 0)::float8
    FROM messaging_webhookdelivery delivery
    JOIN messaging_webhookendpoint endpoint ON endpoint.id = delivery.endpoint_id
    WHERE delivery.status = 'pending'
"""
ATTEMPTS = """
    SELECT count(*) FILTER (WHERE is_taken), count(*) FILTER (WHERE NOT is_taken)
    FROM messaging_webhookattempt,
        LATERAL (SELECT coalesce(status_code, 0) BETWEEN 200 AND 299 AS is_taken) AS judged
    WHERE started_at > clock_timestamp() - interval '5 minutes'
"""


def get_outbox_seconds() -> float:
    """For how long the oldest message has waited for its number."""
    row = send(OLDEST).row()
    return 0.0 if row is None else row[0]


def read_message_gauges() -> Iterable[Gauge]:
    """What waits, what was done, and how it goes."""
    [outbox] = send(OUTBOX).rows()
    [sequenced] = send(SEQUENCED).rows()
    endpoints = {status: (count, behind) for status, count, behind in send(ENDPOINTS).rows()}
    [(due, later, oldest_due)] = send(OPEN).rows()
    [(taken, failed)] = send(ATTEMPTS).rows()
    statuses = WebhookEndpoint.Status.values
    yield Gauge("outbox_messages", "Messages that wait for their number", {(): outbox[0]})
    yield Gauge("outbox_oldest_seconds", "For how long the oldest has waited", {(): outbox[1]})
    yield Gauge(
        "messages_sequenced",
        "Messages numbered, one for each partner that was told",
        {(): sequenced[0]},
        is_counter=True,
    )
    yield Gauge(
        "webhook_endpoints",
        "Webhook endpoints by status",
        {(status,): endpoints.get(status, (0, 0.0))[0] for status in statuses},
        ("status",),
    )
    yield Gauge(
        "webhook_messages_behind",
        "Messages in the log that endpoints have not come to, wanted or not",
        {(status,): endpoints.get(status, (0, 0.0))[1] for status in statuses},
        ("status",),
    )
    yield Gauge(
        "webhook_deliveries_open",
        "Deliveries that are due, and those whose next attempt is later",
        {("due",): due, ("later",): later},
        ("state",),
    )
    yield Gauge(
        "webhook_oldest_due_seconds",
        "For how long the oldest delivery has been due at an endpoint that takes requests",
        {(): oldest_due or 0.0},
    )
    yield Gauge(
        "webhook_attempts_5m",
        "Requests to receivers in the last five minutes",
        {("taken",): taken, ("failed",): failed},
        ("outcome",),
    )
