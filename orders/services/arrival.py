"""When a part has wholly left, has arrived, and counts as received: facts that follow from its
parcels, whoever moved the last of them."""

from __future__ import annotations

from django.conf import settings

from openplatform.core.locking import require_transaction
from openplatform.core.statements import send

# A part leaves wholly by its last parcel, or by the closing of what was left; it arrives by its
# last parcel, before or after that. So both are told from the rows as they are. A deadline that is
# set is not moved, save by the arrival.
NOTE = """
    UPDATE orders_suborder part
    SET shipped_at = coalesce(part.shipped_at, parcels.shipped_at),
        delivered_at = CASE WHEN have_arrived THEN parcels.delivered_at END,
        receipt_due_at = CASE
            WHEN have_arrived THEN clock_timestamp() + make_interval(days => %(delivered_days)s)
            ELSE coalesce(
                part.receipt_due_at,
                clock_timestamp() + make_interval(days => %(shipped_days)s)
            )
        END
    FROM (
        SELECT shipment.suborder_id, max(shipment.shipped_at) AS shipped_at,
            max(shipment.delivered_at) AS delivered_at,
            bool_and(shipment.status = 'delivered') AS have_arrived
        FROM orders_shipment shipment
        JOIN orders_suborder ON orders_suborder.id = shipment.suborder_id
        WHERE orders_suborder.order_id = %(order_id)s
        GROUP BY shipment.suborder_id
    ) parcels
    WHERE part.id = parcels.suborder_id AND part.delivered_at IS NULL
        AND part.completed_at IS NULL
        AND (have_arrived OR part.shipped_at IS NULL OR part.receipt_due_at IS NULL)
        AND NOT EXISTS (
            SELECT FROM orders_orderline line
            WHERE line.suborder_id = part.id
                AND line.quantity > line.shipped_quantity + line.closed_quantity
        )
"""
# What was in trouble, or on its way after all, gets the time to notice that it has not come.
POSTPONE = """
    UPDATE orders_suborder
    SET receipt_due_at = greatest(
        receipt_due_at, clock_timestamp() + make_interval(days => %(days)s)
    )
    WHERE id = %(suborder_id)s AND receipt_due_at IS NOT NULL
"""


def note_arrivals(*, order_id: int) -> None:
    """Step: write down which parts of a locked order have wholly left and which have arrived, and
    from when each counts as received by itself."""
    require_transaction()
    send(
        NOTE,
        {
            "order_id": order_id,
            "shipped_days": settings.RECEIPT_AFTER_SHIPMENT_DAYS,
            "delivered_days": settings.RECEIPT_AFTER_DELIVERY_DAYS,
        },
    )


def postpone_receipt(*, suborder_id: int, days: int) -> None:
    """Step: leave at least so many days from now until a part counts as received by itself."""
    require_transaction()
    send(POSTPONE, {"suborder_id": suborder_id, "days": days})
