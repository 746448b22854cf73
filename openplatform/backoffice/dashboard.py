"""The first page: what wants doing today, as far as one may see it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from openplatform.backoffice import selectors
from openplatform.core import clock

ROWS = 8
# A message waits for its number for well under a second; a minute means that no worker runs.
OUTBOX_ALERT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Card:
    """One number, and where it leads."""

    title: str
    value: str
    icon: str
    url: str
    note: str = ""
    is_alert: bool = False


def show_dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's callback: the context with cards, chart and lists."""
    now = clock.now()
    cards: list[Card] = []
    if request.user.has_perm("orders.view_order"):
        cards += _show_orders(now, context)
    if request.user.has_perm("accounts.view_wallet"):
        cards.append(_show_wallets(context))
    if request.user.has_perm("catalog.view_stock"):
        cards.append(_show_stock(context))
    if request.user.has_perm("messaging.view_outbox"):
        cards.append(_outbox_card(now))
    context["cards"] = cards
    return context


def _show_orders(now: datetime, context: dict[str, Any]) -> list[Card]:
    days = selectors.list_days(now=now)
    today = days[-1]
    context["chart"] = json.dumps(
        {
            "labels": [f"{day.on:%m-%d}" for day in days],
            "datasets": [
                {
                    "label": _("Orders"),
                    "data": [day.orders for day in days],
                    "backgroundColor": "var(--color-primary-600)",
                    "borderRadius": 4,
                    "maxBarThickness": 32,
                }
            ],
        }
    )
    to_ship = selectors.count_to_ship()
    return [
        Card(
            _("Orders today"),
            f"{today.orders:,}",
            "receipt_long",
            reverse("admin:orders_order_changelist"),
            note=_("Amount %(amount)s") % {"amount": f"{today.amount:,.2f}"},
        ),
        Card(
            _("Pending payment"),
            f"{selectors.count_pending_payment():,}",
            "hourglass_top",
            reverse("admin:orders_order_changelist", query={"status__exact": "pending_payment"}),
            note=_("Orders that wait for their confirmation"),
        ),
        Card(
            _("To ship"),
            f"{to_ship:,}",
            "local_shipping",
            reverse("admin:orders_suborder_changelist", query={"to_ship": "yes"}),
            note=_("Suborders with something left to ship"),
        ),
    ]


def _show_wallets(context: dict[str, Any]) -> Card:
    low = selectors.list_low_wallets()
    count = low.count()
    context["low_wallets"] = low[:ROWS]
    return Card(
        _("Low balances"),
        f"{count:,}",
        "account_balance_wallet",
        reverse("admin:accounts_wallet_changelist"),
        note=_("Available below the alert threshold"),
        is_alert=count > 0,
    )


def _show_stock(context: dict[str, Any]) -> Card:
    empty = selectors.list_empty_stock()
    count = empty.count()
    context["empty_stock"] = empty[:ROWS]
    return Card(
        _("Out of stock"),
        f"{count:,}",
        "production_quantity_limits",
        reverse("admin:catalog_stock_changelist", query={"on_hand_to": 0}),
        note=_("On the shelf, nothing left to promise in a warehouse"),
        is_alert=count > 0,
    )


def _outbox_card(now: datetime) -> Card:
    oldest = selectors.get_oldest_outbox_moment()
    seconds = 0 if oldest is None else max(int((now - oldest).total_seconds()), 0)
    return Card(
        _("Outbox"),
        _("empty") if oldest is None else _("%(seconds)d s") % {"seconds": seconds},
        "outbox",
        reverse("admin:messaging_outbox_changelist"),
        note=_("Age of the oldest message that waits"),
        is_alert=seconds > OUTBOX_ALERT_SECONDS,
    )
