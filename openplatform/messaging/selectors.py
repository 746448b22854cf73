"""The feed."""

from __future__ import annotations

from typing import Any

from openplatform.core.clock import to_text
from openplatform.messaging.errors import CursorExpired
from openplatform.messaging.models import Message, MessageCursor


def get_feed(*, partner_id: int, after: int | None, types: list[str], limit: int) -> dict[str, Any]:
    """``GET /messages``: what comes after a sequence, in order.

    ``head`` is the last sequence there is, ``oldest`` the first that is kept (null when there is
    none), ``next_after`` what to ask with next: with a type filter it passes over what the filter
    left out, so a quiet type does not make the caller read the same stretch again.

    :raises CursorExpired: when messages behind ``after`` are gone, with the oldest kept.
    """
    cursor = MessageCursor.objects.filter(pk=partner_id).first()
    head = cursor.last_sequence if cursor else 0  # read first: what comes later waits for next time
    kept = Message.objects.filter(partner_id=partner_id).order_by("sequence")
    oldest = kept.values_list("sequence", flat=True).first()
    first_kept = head + 1 if oldest is None else oldest
    if after is None:
        after = first_kept - 1
    elif after < first_kept - 1:
        raise CursorExpired(oldest=first_kept)
    rows = kept.filter(sequence__gt=after, sequence__lte=head)
    if types:
        rows = rows.filter(type__in=types)
    page = list(rows[: limit + 1])
    shown = page[:limit]
    next_after = shown[-1].sequence if len(page) > limit else max(head, after)
    return {
        "results": [_document(message) for message in shown],
        "head": head,
        "oldest": oldest,
        "next_after": next_after,
    }


def _document(message: Message) -> dict[str, Any]:
    return {
        "id": message.message_id,
        "sequence": message.sequence,
        "type": message.type,
        "timestamp": to_text(message.created_at),
        "data": message.data,
    }
