"""What merchants are told of their orders: always the whole order as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from openplatform.messaging.services.publishing import Draft
from openplatform.messaging.types import MessageType

MESSAGE_TYPES = (
    MessageType("order.created", _("An order was placed")),
    MessageType("order.split", _("An order ships in several parts")),
    MessageType("order.expired", _("An order was not confirmed in time")),
    MessageType("order.cancelled", _("An order was cancelled before payment")),
    MessageType("order.status_changed", _("An order or a part of it came to another state")),
    MessageType("order.updated", _("Something of an order changed, its state aside")),
    MessageType("shipment.created", _("Goods were shipped")),
    MessageType("shipment.updated", _("A parcel got another number, or came further")),
)


def order_draft(
    *, type: str, partner_id: int, document: dict[str, Any], changed: Sequence[str]
) -> Draft:
    """A message about an order; ``changed`` names the orders, suborders or shipments."""
    return Draft(
        type=type,
        subject=f"order:{document['order_no']}",
        data={"order": document, "changed": list(changed)},
        partner_ids=[partner_id],
    )
