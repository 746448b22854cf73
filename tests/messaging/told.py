"""Telling partners things, and what they were told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from openplatform.core.locking import transactional
from openplatform.messaging.events.schemas import example_data
from openplatform.messaging.models import Message
from openplatform.messaging.services.publishing import publish, publish_skus
from tests.cast import Merchant


@transactional
def tell(
    *merchants: Merchant, subject: str = "order:S-1", type: str = "order.created", **data: Any
) -> None:
    """A message to these merchants, committed; without data, with those of its example."""
    publish(
        type=type,
        subject=subject,
        data=data or example_data(type),
        partner_ids=[merchant.partner.pk for merchant in merchants],
    )


@transactional
def tell_skus(
    type: str, skus: Sequence[str], *merchants: Merchant, facts: Mapping[str, Any] | None = None
) -> None:
    """A change of SKUs, to these merchants or, without any, to whoever sees them."""
    partner_ids = [merchant.partner.pk for merchant in merchants] or None
    publish_skus(type=type, skus=skus, partner_ids=partner_ids, facts=facts)


def told(merchant: Merchant) -> list[tuple[int, str, dict[str, Any]]]:
    """Sequence, type and data of a merchant's messages."""
    rows = Message.objects.filter(partner=merchant.partner).order_by("sequence")
    return [(row.sequence, row.type, row.data) for row in rows]
