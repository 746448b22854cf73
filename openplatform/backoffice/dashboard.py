"""The first page: what wants doing today, as far as one may see it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Contact
from accounts.recipients import list_owners, list_stale_contacts
from accounts.selectors import get_last_book_check
from openplatform.approvals.selectors import list_pending
from openplatform.backoffice import selectors
from openplatform.backoffice.cards import Card
from openplatform.backoffice.claim_cards import claim_cards
from openplatform.backoffice.finance_cards import finance_cards
from openplatform.connectors.selectors import list_resting
from openplatform.core import clock
from openplatform.messaging.figures import list_troubled_endpoints

ROWS = 8
# A message waits for its number for well under a second; a minute means that no worker runs.
OUTBOX_ALERT_SECONDS = 60
APPROVAL_ALERT = timedelta(days=1)
BOOKS_ALERT = timedelta(hours=26)  # they are checked every day


def show_dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's callback: the context with cards, chart and lists."""
    now = clock.now()
    cards: list[Card] = []
    if request.user.has_perm("orders.view_order"):
        cards += _show_orders(now, context)
    if request.user.has_perm("aftersales.view_claim"):
        cards += claim_cards(now)
    may_see_owners = request.user.has_perm("accounts.view_contact")
    if request.user.has_perm("approvals.view_approval"):
        cards.append(_approvals_card(now))
    if request.user.has_perm("accounts.view_wallet"):
        cards.append(_show_wallets(context))
    if request.user.has_perm("accounts.view_bookcheck"):
        cards.append(_books_card(now))
    cards += finance_cards(request, now)
    if request.user.has_perm("accounts.view_apikey"):
        cards.append(_keys_card(now))
    if may_see_owners:
        cards.append(_contacts_card(now))
    if request.user.has_perm("catalog.view_stock"):
        cards.append(_show_stock(context))
    if request.user.has_perm("connectors.view_provider"):
        cards += _provider_cards()
    if request.user.has_perm("messaging.view_webhookendpoint"):
        cards += _webhook_cards(now)
    if request.user.has_perm("messaging.view_outbox"):
        cards.append(_outbox_card(now))
    context["cards"] = [_with_owner(card) for card in cards] if may_see_owners else cards
    return context


def _with_owner(card: Card) -> Card:
    """An alert about which our own side's people can be told names them, or their absence."""
    if not (card.is_alert and card.topic):
        return card
    names = [contact.name for contact in list_owners(topic=card.topic)]
    owner = _("Owner: %(names)s") % {"names": "、".join(names)}
    return replace(card, owner=owner if names else _("Nobody of our own side is told of this"))


def _provider_cards() -> list[Card]:
    """Only while one does not answer."""
    names = [provider.name for provider in list_resting()]
    if not names:
        return []
    return [
        Card(
            _("Providers that do not answer"),
            f"{len(names):,}",
            "hub",
            reverse("admin:connectors_provider_changelist"),
            note=_("%(names)s: their pages say whom to call") % {"names": "、".join(names)},
            is_alert=True,
        )
    ]


def _webhook_cards(now: datetime) -> list[Card]:
    """Only while an endpoint takes nothing."""
    count = list_troubled_endpoints(now=now).count()
    if not count:
        return []
    return [
        Card(
            _("Webhook endpoints that fail"),
            f"{count:,}",
            "webhook",
            reverse("admin:messaging_webhookendpoint_changelist", query={"state": "troubled"}),
            note=_("Their messages wait; the merchants are told"),
            is_alert=True,
        )
    ]


def _approvals_card(now: datetime) -> Card:
    pending = list_pending()
    count = pending.count()
    oldest = pending.first()
    note = _("Nothing waits for a second person")
    if oldest is not None:
        note = _("The oldest waits for %(age)s") % {
            "age": timesince(oldest.requested_at, now, depth=1)
        }
    return Card(
        _("Waiting approvals"),
        f"{count:,}",
        "approval",
        reverse("admin:approvals_approval_changelist", query={"status__exact": "pending"}),
        note=note,
        is_alert=oldest is not None and now - oldest.requested_at > APPROVAL_ALERT,
    )


def _books_card(now: datetime) -> Card:
    check = get_last_book_check()
    url = reverse("admin:accounts_bookcheck_changelist")
    if check is None:
        return Card(_("Books"), "—", "fact_check", url, note=_("Not checked yet"))
    age = now - check.started_at
    note = _("Checked %(age)s ago, %(count)s wallets") % {
        "age": timesince(check.started_at, now, depth=1), "count": f"{check.wallet_count:,}",
    }  # fmt: skip
    value = _("In order")
    if not check.is_ok:
        value = ngettext(
            "%(count)d difference", "%(count)d differences", check.difference_count
        ) % {"count": check.difference_count}
    return Card(
        _("Books"),
        value,
        "fact_check",
        url if check.is_ok else reverse("admin:accounts_bookcheck_change", args=(check.pk,)),
        note=note,
        is_alert=not check.is_ok or age > BOOKS_ALERT,
        topic=Contact.Topic.BOOKS_DIFFER,
    )


def _keys_card(now: datetime) -> Card:
    ending = selectors.list_ending_keys(now=now)
    count = ending.count()
    first = ending.first()
    note = _("No key ends within 30 days")
    if first is not None and first.expires_at is not None:
        note = _("%(partner)s, %(key)s: in %(time)s") % {
            "partner": first.partner.name,
            "key": first,
            "time": timeuntil(first.expires_at, now, depth=1),
        }
    return Card(
        _("Keys about to end"),
        f"{count:,}",
        "key",
        reverse(
            "admin:accounts_apikey_changelist",
            query={
                "expires_at__gt": now.isoformat(),
                "expires_at__lte": (now + selectors.KEYS_END_WITHIN).isoformat(),
                "revoked_at__isnull": "True",
            },
        ),
        note=note,
        is_alert=count > 0,
        topic=Contact.Topic.KEY_EXPIRING,
    )


def _contacts_card(now: datetime) -> Card:
    count = list_stale_contacts(now=now).count()
    return Card(
        _("Contacts to confirm"),
        f"{count:,}",
        "contacts",
        reverse("admin:accounts_contact_changelist", query={"confirmed": "stale"}),
        note=_("Nobody has made sure of them for 90 days"),
        is_alert=count > 0,
    )


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
    context["low_wallets"] = selectors.list_wallets_with_runway(low[:ROWS])
    return Card(
        _("Low balances"),
        f"{count:,}",
        "account_balance_wallet",
        reverse("admin:accounts_wallet_changelist", query={"alert": "low"}),
        note=_("Available below the alert threshold"),
        is_alert=count > 0,
        topic=Contact.Topic.BALANCE_LOW,
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
