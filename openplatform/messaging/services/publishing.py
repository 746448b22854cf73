"""Messages leave with the change that they tell of: steps that write to the outbox."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openplatform.core.json_text import to_json
from openplatform.core.locking import require_transaction
from openplatform.core.statements import send
from openplatform.core.wakeups import OUTBOX, wake
from openplatform.messaging.types import TYPES

MAX_SKUS = 100
SKUS = "skus"  # the subject of every change of SKUs

# One JSON parameter: an array of documents would have every quote in them escaped once more.
INSERT = """
    INSERT INTO messaging_outbox (type, subject, partner_ids, data)
    SELECT type, subject, partner_ids, data
    FROM ROWS FROM (
        json_to_recordset(%s::json)
            AS (type text, subject text, partner_ids bigint[], data jsonb)
    ) WITH ORDINALITY AS message (type, subject, partner_ids, data, position)
    ORDER BY position
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be: ``data`` is what the contract names for its type.

    ``partner_ids`` None asks, when it is sequenced, who sees the SKUs in ``data["skus"]``.
    """

    type: str
    subject: str
    data: dict[str, Any]
    partner_ids: Collection[int] | None


def publish(
    *, type: str, subject: str, data: dict[str, Any], partner_ids: Collection[int] | None
) -> None:
    """Step: tell ``partner_ids`` of a change, once the lock of its subject is held.

    :raises NotInTransaction: outside a transaction.
    :raises KeyError: for a type that nobody registered.
    """
    publish_all([Draft(type, subject, data, partner_ids)])


def publish_all(drafts: Sequence[Draft]) -> None:
    """Step: several messages, in this order, by one statement."""
    require_transaction()
    rows = [
        {
            "type": TYPES[draft.type].name,
            "subject": draft.subject,
            "partner_ids": None if draft.partner_ids is None else list(draft.partner_ids),
            "data": draft.data,
        }
        for draft in drafts
    ]
    send(INSERT, [to_json(rows).decode()])
    wake(OUTBOX)


def publish_skus(
    *,
    type: str,
    skus: Sequence[str],
    partner_ids: Collection[int] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Step: a change of many SKUs, in parcels of 100, each with the same ``facts`` besides."""
    parcels = [skus[start : start + MAX_SKUS] for start in range(0, len(skus), MAX_SKUS)]
    publish_all(
        [
            Draft(type, SKUS, {"skus": list(parcel), **(facts or {})}, partner_ids)
            for parcel in parcels
        ]
    )
