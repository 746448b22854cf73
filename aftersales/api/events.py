"""The form of messages about claims, with an example of each."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from aftersales.api.serializers import ClaimSerializer
from aftersales.documents import claim_document
from aftersales.states import ClaimStatus


class ClaimNewsSerializer(serializers.Serializer[Any]):
    """The whole claim as it was then."""

    aftersale = ClaimSerializer()


# One claim in the course of its days: rows as the tables have them, made into documents by what
# makes all others. Goods were broken, are sent back, and refunded.
_FILED = "2026-03-09T10:20:31.418207+08:00"
_ASKED = "2026-03-09T11:02:10.772915+08:00"
_ANSWERED = "2026-03-09T11:40:55.120386+08:00"
_APPROVED = "2026-03-09T14:05:03.660142+08:00"
_ENDED = "2026-03-13T09:30:47.295520+08:00"
S = ClaimStatus
_COURSE = {
    S.SUBMITTED: (_FILED, None, "merchant", ""),
    S.INFO_REQUESTED: (_ASKED, S.SUBMITTED, "operator", "Which side of the mug is chipped?"),
    S.APPROVED: (_APPROVED, S.SUBMITTED, "operator", "Agreed."),
    S.AWAITING_RETURN: (_APPROVED, S.APPROVED, "operator", ""),
    S.RETURN_SHIPPED: ("2026-03-10T16:12:20.004518+08:00", S.AWAITING_RETURN, "merchant", ""),
    S.RETURN_RECEIVED: ("2026-03-12T10:01:09.518830+08:00", S.RETURN_SHIPPED, "operator", ""),
    S.REFUNDED: (_ENDED, S.RETURN_RECEIVED, "operator", "Accepted."),
    S.REJECTED: (_ENDED, S.RETURN_RECEIVED, "operator", "Other goods came back."),
}
_PICTURE = {
    "picture_id": "I2603093NTP8C41HX", "use": "claim", "note_id": None, "width": 1600,
    "height": 1200,
}  # fmt: skip
_PARCEL = {
    "direction": "return", "carrier_code": "sf", "carrier_name": "SF Express",
    "waybill_no": "SF1390284519931", "shipped_at": "2026-03-10T16:00:00+08:00",
    "status": "delivered", "delivered_at": "2026-03-12T09:40:00+08:00",
}  # fmt: skip


def _news(*states: ClaimStatus, **facts: Any) -> dict[str, Any]:
    """The claim when it has come through these states."""
    events = [
        {"at": at, "from_status": before or "", "to_status": to.value, "role": role, "note": note}
        for to in states
        for at, before, role, note in [_COURSE[to]]
    ]
    is_decided = S.APPROVED in states
    row = {
        "aftersale_no": "R260309W4M0V7BK2S", "merchant_aftersale_no": "RMA-20260309-0003",
        "order_no": "2603017KQ4XW9T2M-1", "parent_order_no": "2603017KQ4XW9T2M",
        "type": "return_refund", "status": states[-1].value, "reason": "damaged",
        "description": "One of four mugs arrived chipped.", "pictures": [_PICTURE],
        "lines": [
            {
                "line_no": 1, "sku": "MUG-WHITE-350", "quantity": 1,
                "approved_quantity": 1 if is_decided else None, "received_quantity": None,
                "accepted_quantity": None, "inspection": "", "refund_amount": "32.00",
            }
        ],
        "goods_refund_amount": "32.00", "freight_refund_amount": "0.00", "refund_amount": "32.00",
        "decision_note": "Agreed." if is_decided else "", "deadline": None,
        "return_address": {
            "name": "Returns desk", "phone": "021-5555-0100", "address": "张江路 88 号 3 号门"
        } if is_decided else None,
        "parcels": [_PARCEL] if S.RETURN_SHIPPED in states else [], "events": events, "notes": [],
        "version": len(states) - 1, "created_at": _FILED, "updated_at": events[-1]["at"],
        **facts,
    }  # fmt: skip
    return {"aftersale": claim_document(row)}


def _inspected(accepted: int, inspection: str) -> dict[str, Any]:
    line = {
        "line_no": 1, "sku": "MUG-WHITE-350", "quantity": 1, "approved_quantity": 1,
        "received_quantity": 1, "accepted_quantity": accepted, "inspection": inspection,
        "refund_amount": "32.00" if accepted else "0.00",
    }  # fmt: skip
    if accepted:
        return {"lines": [line]}
    return {
        "lines": [line], "goods_refund_amount": "0.00", "refund_amount": "0.00",
        "decision_note": "Other goods came back.",
        "pictures": [
            _PICTURE,
            {**_PICTURE, "picture_id": "I260313YD6F0ZQ8RE", "use": "inspection"},
        ],
    }  # fmt: skip


_RETURNED = (
    S.SUBMITTED, S.APPROVED, S.AWAITING_RETURN, S.RETURN_SHIPPED, S.RETURN_RECEIVED,
)  # fmt: skip
EXAMPLES: dict[str, dict[str, Any]] = {
    "aftersale.reviewed": _news(S.SUBMITTED, S.APPROVED),
    "aftersale.status_changed": _news(
        S.SUBMITTED, S.APPROVED, S.AWAITING_RETURN, deadline="2026-03-16T14:05:03.660142+08:00"
    ),
    "aftersale.completed": _news(*_RETURNED, S.REFUNDED, **_inspected(1, "damaged")),
    "aftersale.failed": _news(*_RETURNED, S.REJECTED, **_inspected(0, "other_goods")),
    "aftersale.note_added": _news(
        S.SUBMITTED,
        S.INFO_REQUESTED,
        deadline="2026-03-16T11:02:10.772915+08:00",
        notes=[
            {"id": 1, "at": _ANSWERED, "role": "merchant", "text": "At the handle."},
        ],
        version=2,
        updated_at=_ANSWERED,
    ),
}
