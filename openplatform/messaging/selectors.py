"""The feed, and what is on its way to webhook endpoints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from openplatform.core.clock import to_text
from openplatform.core.errors import FieldInvalid, NotFound
from openplatform.core.statements import send
from openplatform.messaging.documents import delivery_document, endpoint_document
from openplatform.messaging.errors import CursorExpired
from openplatform.messaging.models import (
    Message,
    MessageCursor,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)

SHOWN_ATTEMPTS = 20  # of a delivery
NOT_YET = _("There is no message with this sequence yet")
# Messages behind an endpoint that are looked at one by one when it is counted what it wants of
# them; those further on count whatever their type. A look at a month's messages takes seconds.
COUNTED_MESSAGES = 10_000

# What an endpoint is sent. A test message goes to the one that it was asked for, ahead of others,
# and never again.
IS_WANTED = """(CASE WHEN message.type = 'test.ping'
        THEN message.subject = 'webhook_endpoint:' || endpoint.endpoint_id
        ELSE endpoint.types = '{}' OR message.type = ANY(endpoint.types) END)"""
PROGRESS = f"""
    SELECT endpoint.id, endpoint.taken_sequence, open.lowest,
        open.taken + counted.wanted + greatest(heads.head - behind.start - %(counted)s, 0)
    FROM messaging_webhookendpoint endpoint
    CROSS JOIN LATERAL (
        SELECT coalesce(max(last_sequence), 0) AS head FROM messaging_messagecursor
        WHERE partner_id = endpoint.partner_id
    ) heads
    CROSS JOIN LATERAL (
        SELECT min(sequence) AS lowest,
            count(*) FILTER (WHERE sequence <= endpoint.taken_sequence) AS taken
        FROM messaging_webhookdelivery WHERE endpoint_id = endpoint.id AND status = 'pending'
    ) open
    CROSS JOIN LATERAL (
        SELECT greatest(endpoint.taken_sequence, coalesce((
            SELECT min(sequence) - 1 FROM messaging_message WHERE partner_id = endpoint.partner_id
        ), heads.head)) AS start
    ) behind
    CROSS JOIN LATERAL (
        SELECT count(*) AS wanted FROM messaging_message message
        WHERE message.partner_id = endpoint.partner_id AND message.sequence > behind.start
            AND message.sequence <= behind.start + %(counted)s AND {IS_WANTED}
            AND NOT (message.type = 'test.ping' AND EXISTS (
                SELECT FROM messaging_webhookdelivery done
                WHERE done.endpoint_id = endpoint.id AND done.sequence = message.sequence
                    AND done.status <> 'pending'
            ))
    ) counted
    WHERE endpoint.id = ANY(%(ids)s::bigint[])
"""  # noqa: S608 - put together from constants
COUNT_WANTED = f"""
    SELECT count(*) FILTER (WHERE {IS_WANTED} AND message.type <> 'test.ping')
        + greatest(%(until)s::bigint - %(after)s::bigint - %(counted)s, 0)
    FROM messaging_webhookendpoint endpoint
    LEFT JOIN messaging_message message ON message.partner_id = endpoint.partner_id
        AND message.sequence > %(after)s AND message.sequence <= %(until)s
        AND message.sequence <= %(after)s + %(counted)s
    WHERE endpoint.id = %(id)s
"""  # noqa: S608 - put together from constants
ATTEMPTS = """
    SELECT attempt.* FROM unnest(%(ids)s::bigint[]) AS shown (delivery_id)
    CROSS JOIN LATERAL (
        SELECT * FROM messaging_webhookattempt WHERE delivery_id = shown.delivery_id
        ORDER BY number DESC LIMIT %(limit)s
    ) attempt
    ORDER BY attempt.delivery_id, attempt.number DESC
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an endpoint has come.

    :param last_delivered_sequence: everything up to it was delivered, set aside or not wanted.
    :param backlog: messages that still wait for it; beyond 10,000 of the log those of other types
        count too.
    """

    last_delivered_sequence: int
    backlog: int


def get_feed(*, partner_id: int, after: int | None, types: list[str], limit: int) -> dict[str, Any]:
    """``GET /messages``: what comes after a sequence, in order.

    ``head`` is the last sequence there is, ``oldest`` the first that is kept (null when there is
    none), ``next_after`` what to ask with next: with a type filter it passes over what the filter
    left out, so a quiet type does not make the caller read the same stretch again.

    :raises CursorExpired: when messages behind ``after`` are gone, with the oldest kept.
    :raises FieldInvalid: for an ``after`` beyond the last there is, with ``head``: it is of another
        platform's log, or of later than what this one was restored to.
    """
    cursor = MessageCursor.objects.filter(pk=partner_id).first()
    head = cursor.last_sequence if cursor else 0  # read first: what comes later waits for next time
    kept = Message.objects.filter(partner_id=partner_id).order_by("sequence")
    oldest = kept.values_list("sequence", flat=True).first()
    first_kept = head + 1 if oldest is None else oldest
    if after is None:
        after = first_kept - 1
    elif after > head:
        raise FieldInvalid(NOT_YET, pointer="?after", head=head)
    elif after < first_kept - 1:
        raise CursorExpired(oldest=first_kept)
    rows = kept.filter(sequence__gt=after, sequence__lte=head)
    if types:
        rows = rows.filter(type__in=types)
    page = list(rows[: limit + 1])
    shown = page[:limit]
    next_after = shown[-1].sequence if len(page) > limit else head
    return {
        "results": [message_document(message) for message in shown],
        "head": head,
        "oldest": oldest,
        "next_after": next_after,
    }


def get_range(*, partner_id: int) -> tuple[int, int]:
    """The oldest sequence that is kept, and the last there is; the oldest is one more without any.

    Messages that come meanwhile are not counted.
    """
    cursor = MessageCursor.objects.filter(pk=partner_id).first()
    head = cursor.last_sequence if cursor else 0
    kept = Message.objects.filter(partner_id=partner_id).order_by("sequence")
    oldest = kept.values_list("sequence", flat=True).first()
    return head + 1 if oldest is None else oldest, head


def list_endpoints(*, partner_id: int) -> QuerySet[WebhookEndpoint]:
    """A partner's webhook endpoints, the oldest first; deleted ones are none."""
    own = WebhookEndpoint.objects.filter(partner_id=partner_id, deleted_at=None)
    return own.order_by("id")


def get_endpoint(*, partner_id: int, endpoint_id: str) -> WebhookEndpoint:
    """One of a partner's webhook endpoints.

    :raises NotFound: when it has none with this id.
    """
    found = list_endpoints(partner_id=partner_id).filter(endpoint_id=endpoint_id).first()
    if found is None:
        raise NotFound
    return found


def list_progress(endpoint_pks: Collection[int]) -> dict[int, Progress]:
    """How far each of these endpoints has come, by its primary key; one statement for all."""
    rows = send(PROGRESS, {"ids": list(endpoint_pks), "counted": COUNTED_MESSAGES}).rows()
    return {
        pk: Progress(taken if lowest is None else min(lowest - 1, taken), backlog)
        for pk, taken, lowest, backlog in rows
    }


def list_endpoint_documents(endpoints: Collection[WebhookEndpoint]) -> list[dict[str, Any]]:
    """Endpoints as their partners see them, in this order."""
    progress = list_progress([endpoint.pk for endpoint in endpoints])
    return [
        endpoint_document(
            endpoint,
            last_delivered_sequence=progress[endpoint.pk].last_delivered_sequence,
            backlog=progress[endpoint.pk].backlog,
        )
        for endpoint in endpoints
    ]


def count_wanted(endpoint: WebhookEndpoint, *, after: int, until: int) -> int:
    """How many messages behind one sequence, up to another, an endpoint is sent again.

    Beyond 10,000 of the log those of other types count too.
    """
    parameters = {"id": endpoint.pk, "after": after, "until": until, "counted": COUNTED_MESSAGES}
    ((count,),) = send(COUNT_WANTED, parameters).rows()
    return int(count)


def list_deliveries(endpoint: WebhookEndpoint) -> QuerySet[WebhookDelivery]:
    """What is on its way to an endpoint or there, the last message first."""
    return WebhookDelivery.objects.filter(endpoint=endpoint).order_by("-sequence")


def list_delivery_documents(
    deliveries: Collection[WebhookDelivery], *, endpoint: WebhookEndpoint
) -> list[dict[str, Any]]:
    """An endpoint's deliveries, in this order, each with its last 20 attempts, the newest first."""
    ids = [delivery.pk for delivery in deliveries]
    attempts: dict[int, list[WebhookAttempt]] = defaultdict(list)
    found = WebhookAttempt.objects.raw(ATTEMPTS, {"ids": ids, "limit": SHOWN_ATTEMPTS})
    for attempt in found:
        attempts[attempt.delivery_id].append(attempt)
    return [
        delivery_document(delivery, attempts[delivery.pk], endpoint=endpoint)
        for delivery in deliveries
    ]


class Tellable(Protocol):
    """A message, or what was read of one."""

    @property
    def message_id(self) -> str: ...
    @property
    def sequence(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def data(self) -> Any: ...


def message_document(message: Tellable) -> dict[str, Any]:
    """A message as it comes in the feed and as the body of a webhook."""
    return {
        "id": message.message_id,
        "sequence": message.sequence,
        "type": message.type,
        "timestamp": to_text(message.created_at),
        "data": message.data,
    }
