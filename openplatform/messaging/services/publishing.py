"""Messages leave with the change that they tell of: steps that write to the outbox."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from openplatform.core.json_text import to_json
from openplatform.core.locking import require_transaction
from openplatform.core.statements import send
from openplatform.messaging.types import TYPES

MAX_SKUS = 100

INSERT = """
    INSERT INTO messaging_outbox (type, subject, partner_ids, data)
    SELECT type, subject, receivers::bigint[], data::jsonb
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])
        WITH ORDINALITY AS message (type, subject, receivers, data, position)
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
    send(
        INSERT,
        [
            [TYPES[draft.type].name for draft in drafts],
            [draft.subject for draft in drafts],
            [_as_array(draft.partner_ids) for draft in drafts],
            [to_json(draft.data).decode() for draft in drafts],
        ],
    )


def publish_skus(
    *, type: str, skus: Sequence[str], partner_ids: Collection[int] | None = None
) -> None:
    """Step: a change of many SKUs, in parcels of 100."""
    parcels = [skus[start : start + MAX_SKUS] for start in range(0, len(skus), MAX_SKUS)]
    publish_all([Draft(type, "skus", {"skus": list(parcel)}, partner_ids) for parcel in parcels])


def _as_array(partner_ids: Collection[int] | None) -> str | None:
    if partner_ids is None:
        return None
    return "{" + ",".join(str(partner_id) for partner_id in partner_ids) + "}"
