"""How claims look, wherever they are shown."""

from __future__ import annotations

from aftersales.states import ClaimStatus

STATUS_COLOURS = {
    "submitted": "warning",
    "info_requested": "info",
    "approved": "info",
    "awaiting_return": "info",
    "return_shipped": "warning",
    "return_received": "warning",
    "refunded": "success",
    "rejected": "danger",
    "cancelled": "neutral",
    "expired": "neutral",
}
STATUS_NAMES = {status.value: status.label for status in ClaimStatus}
