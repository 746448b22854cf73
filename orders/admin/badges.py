"""How orders and their parts look, wherever they are shown."""

from __future__ import annotations

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orders.states import OrderStatus, SuborderStatus

STATUS_COLOURS = {
    "pending_payment": "warning",
    "awaiting_shipment": "warning",
    "paid": "info",
    "partly_shipped": "info",
    "shipped": "success",
    "delivered": "success",
    "completed": "success",
    "cancelled": "neutral",
    "expired": "neutral",
    "closed": "neutral",
}
STATUS_NAMES = {status.value: status.label for status in (*SuborderStatus, *OrderStatus)}


def link_to(url_name: str, key: int, text: str) -> SafeString:
    return format_html(
        '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>',
        reverse(f"admin:{url_name}", args=(key,)),
        text,
    )
