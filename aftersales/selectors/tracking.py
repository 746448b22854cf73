"""Parcels of a merchant's claims, for ``GET /shipments/{number}/tracking``."""

from __future__ import annotations

from openplatform.core.statements import send
from orders.selectors.tracking import FoundParcel

# Merchants name the numbers of their returns, and anybody can make one up. What others were sent,
# or named before, is not theirs to follow: such a parcel stays with its claim, and nothing is known
# of it. What we send back has the number that our carrier gave it.
IS_OWN = """(
    parcel.direction = 'send_back'
    OR NOT EXISTS (
        SELECT FROM orders_shipment sent
        JOIN orders_suborder sent_part ON sent_part.id = sent.suborder_id
        JOIN orders_order sent_order ON sent_order.id = sent_part.order_id
        WHERE sent.waybill_no = parcel.waybill_no AND sent.carrier_id = parcel.carrier_id
            AND sent_order.partner_id <> claim.partner_id
    )
    AND NOT EXISTS (
        SELECT FROM aftersales_claimparcel named
        JOIN aftersales_claim other ON other.id = named.claim_id
        WHERE named.waybill_no = parcel.waybill_no AND named.carrier_id = parcel.carrier_id
            AND other.partner_id <> claim.partner_id
            AND (named.direction = 'send_back' OR named.id < parcel.id)
    )
)"""
# Of a number that stands for somebody else's parcel today, or stood for an older one, only what the
# claim itself knows is shown.
FIND = f"""
    SELECT DISTINCT ON (carrier.code, parcel.waybill_no)
        carrier.code, carrier.name, parcel.waybill_no,
        NOT {IS_OWN} OR coalesce(parcel.shipped_at <= tracked.counts_since, FALSE) AS is_past,
        parcel.status, parcel.delivered_at
    FROM aftersales_claimparcel parcel
    JOIN aftersales_claim claim ON claim.id = parcel.claim_id
    JOIN orders_carrier carrier ON carrier.id = parcel.carrier_id
    LEFT JOIN connectors_trackedparcel tracked
        ON tracked.waybill_no = parcel.waybill_no AND tracked.carrier_code = carrier.code
    WHERE claim.partner_id = %(partner_id)s AND parcel.waybill_no = %(number)s
        AND (%(carrier)s::text IS NULL OR carrier.code = %(carrier)s)
    ORDER BY carrier.code, parcel.waybill_no, is_past, parcel.id DESC
    LIMIT 20
"""  # noqa: S608 - of constants


def find_claim_parcels(
    *, partner_id: int, number: str, carrier_code: str | None
) -> list[FoundParcel]:
    """The partner's return parcels, and those sent back to it, with this waybill number: each
    carrier once.
    """
    return [
        FoundParcel(
            carrier_code=code,
            carrier_name=name,
            waybill_no=waybill_no,
            shipment_nos=[],
            past_status=status if is_past else None,
            past_delivered_at=delivered_at if is_past else None,
        )
        for code, name, waybill_no, is_past, status, delivered_at in send(
            FIND, {"partner_id": partner_id, "number": number, "carrier": carrier_code}
        ).rows()
    ]
