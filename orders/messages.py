"""What merchants are told of their orders: always the whole order as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from openplatform.messaging.services.publishing import Draft
from openplatform.messaging.types import MessageType

FORM = "orders.api.events.OrderNewsSerializer"
MESSAGE_TYPES = (
    MessageType(
        "order.created",
        _("An order was placed"),
        details=_("Its goods are set aside and its amount is held until it is confirmed."),
        serializer=FORM,
    ),
    MessageType(
        "order.split",
        _("An order ships in several parts"),
        details=_(
            "Told after order.created when an order was placed with several suborders, and again"
            " when a suborder is divided later. Amounts of the parts add up to those of the order."
        ),
        serializer=FORM,
    ),
    MessageType(
        "order.expired",
        _("An order was not confirmed in time"),
        details=_("Goods and amount are free again. It cannot be confirmed any more."),
        serializer=FORM,
    ),
    MessageType(
        "order.cancelled",
        _("An order was cancelled before payment"),
        details=_("Goods and amount are free again."),
        serializer=FORM,
    ),
    MessageType(
        "order.status_changed",
        _("An order or a part of it came to another state"),
        details=_(
            "Told of every change of state that has no type of its own: paid, shipped in part or as"
            " a whole, delivered, completed, closed."
        ),
        serializer=FORM,
    ),
    MessageType(
        "order.updated",
        _("Something of an order changed, its state aside"),
        details=_("Units were closed and refunded, or another warehouse ships a part of it."),
        serializer=FORM,
    ),
    MessageType(
        "shipment.created",
        _("Goods were shipped"),
        details=_(
            "A parcel has left, with these units in it. When that brings the order to another"
            " state, order.status_changed follows."
        ),
        serializer=FORM,
    ),
    MessageType(
        "shipment.updated",
        _("A parcel got another number, or came further"),
        details=_(
            "A parcel came further without bringing its order to another state, or goes on under"
            " another waybill or carrier."
        ),
        serializer=FORM,
    ),
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
