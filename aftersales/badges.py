"""How claims look, wherever they are shown."""

from __future__ import annotations

from django.utils.translation import get_language

from aftersales.models import Reason
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


def name_reason(reason: Reason) -> str:
    """In the language of the reader, as far as there is a name in it."""
    is_english = (get_language() or "").startswith("en")
    return reason.name_en if is_english and reason.name_en else reason.name
