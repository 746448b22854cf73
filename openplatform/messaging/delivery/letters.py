"""What a receiver is sent: Standard Webhooks, https://www.standardwebhooks.com."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from openplatform.core.json_text import to_json
from openplatform.core.sealing import SealBroken
from openplatform.messaging.models import WebhookEndpoint
from openplatform.messaging.selectors import message_document
from openplatform.messaging.services.endpoints import headers_of, secrets_of
from openplatform.messaging.signatures import (
    ID_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    signatures,
)

USER_AGENT = "openplatform-webhooks/1"


@dataclass(frozen=True, slots=True)
class Stationery:
    """What all requests to an endpoint have in common.

    :param until: when the secret before stops to count.
    """

    secrets: Sequence[str]
    headers: Mapping[str, str]
    until: datetime | None


def stationery_of(endpoint: WebhookEndpoint, now: datetime) -> Stationery | None:
    """None when this platform's keys do not open what is sealed: nothing can be sent."""
    until = endpoint.old_secret_until
    try:
        return Stationery(
            secrets_of(endpoint, now),
            headers_of(endpoint),
            until if until is not None and until > now else None,
        )
    except SealBroken:
        return None


class Letter(NamedTuple):
    """What is told of a message."""

    message_id: str
    sequence: int
    type: str
    created_at: datetime
    data: Any


def body_of(message: Letter) -> bytes:
    """The message as the feed has it."""
    return to_json(message_document(message))


def headers_for(
    stationery: Stationery, *, message_id: str, body: bytes, now: datetime
) -> dict[str, str]:
    """The headers of one attempt, signed with every secret that counts; the partner's own last."""
    timestamp = int(now.timestamp())
    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: signatures(stationery.secrets, message_id, timestamp, body),
        **stationery.headers,
    }
