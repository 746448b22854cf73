"""A claim as the contract shows it: the same in answers and, but for the links, in messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from openplatform.core.clock import to_text

Row = Mapping[str, Any]
Links = Callable[[Row], dict[str, Any]]


def claim_document(row: Row, *, links: Links | None = None) -> dict[str, Any]:
    """``GET /aftersales/{no}`` from a row of ``aftersales/selectors/documents.py``.

    :param links: from a picture's row to ``url``, ``thumbnail_url`` and ``expires_at``, made anew
        for each answer; None for messages, which outlive every link and have null there.
    """
    return {
        "aftersale_no": row["aftersale_no"],
        "merchant_aftersale_no": row["merchant_aftersale_no"] or None,
        "order_no": row["order_no"],
        "parent_order_no": row["parent_order_no"],
        "type": row["type"],
        "status": row["status"],
        "currency": settings.CURRENCY,
        "reason": row["reason"],
        "description": row["description"] or None,
        "pictures": [_picture(picture, links) for picture in _used(row, "claim")],
        "items": [_item(line) for line in row["lines"]],
        "goods_refund_amount": str(row["goods_refund_amount"]),
        "freight_refund_amount": str(row["freight_refund_amount"]),
        "refund_amount": str(row["refund_amount"]),
        "decision_note": row["decision_note"] or None,
        "inspection_pictures": [_picture(picture, links) for picture in _used(row, "inspection")],
        "deadline": _time(row["deadline"]),
        "return_address": row["return_address"],
        "return_shipments": [
            _parcel(parcel) for parcel in row["parcels"] if parcel["direction"] == "return"
        ],
        "send_back": _send_back(row),
        "history": [
            {
                "at": _time(event["at"]),
                "from": event["from_status"] or None,
                "to": event["to_status"],
                "actor": event["role"],
                "note": event["note"] or None,
            }
            for event in row["events"]
        ],
        "notes": [
            {
                "at": _time(note["at"]),
                "actor": note["role"],
                "text": note["text"],
                "pictures": [
                    _picture(picture, links)
                    for picture in _used(row, "note")
                    if picture["note_id"] == note["id"]
                ],
            }
            for note in row["notes"]
        ],
        "version": row["version"],
        "created_at": _time(row["created_at"]),
        "updated_at": _time(row["updated_at"]),
    }


def _used(row: Row, use: str) -> list[Row]:
    return [picture for picture in row["pictures"] if picture["use"] == use]


def _picture(picture: Row, links: Links | None) -> dict[str, Any]:
    found = (
        {"url": None, "thumbnail_url": None, "expires_at": None}
        if links is None
        else links(picture)
    )
    return {
        "picture_id": picture["picture_id"],
        "width": picture["width"],
        "height": picture["height"],
        **found,
    }


def _item(line: Row) -> dict[str, Any]:
    return {
        "line_no": str(line["line_no"]),
        "sku": line["sku"],
        "quantity": line["quantity"],
        "approved_quantity": line["approved_quantity"],
        "received_quantity": line["received_quantity"],
        "accepted_quantity": line["accepted_quantity"],
        "inspection": line["inspection"] or None,
        "refund_amount": str(line["refund_amount"]),
    }


def _parcel(parcel: Row) -> dict[str, Any]:
    return {
        "carrier": {"code": parcel["carrier_code"], "name": parcel["carrier_name"]},
        "waybill_no": parcel["waybill_no"],
        "shipped_at": _time(parcel["shipped_at"]),
        "status": parcel["status"],
        "delivered_at": _time(parcel["delivered_at"]),
    }


def _send_back(row: Row) -> dict[str, Any] | None:
    sent = [parcel for parcel in row["parcels"] if parcel["direction"] == "send_back"]
    if not sent:
        return None
    document = _parcel(sent[-1])
    return {"carrier": document["carrier"], "waybill_no": document["waybill_no"]}


def _time(moment: datetime | str | None) -> str | None:
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return to_text(moment)
