"""How the back office looks: unfold's settings. Read by the settings, so it imports no model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import type_of_text


def _may_see(app: str, model: str) -> Callable[[HttpRequest], bool]:
    def has_permission(request: HttpRequest) -> bool:
        names = (f"{app}.view_{model}", f"{app}.change_{model}")
        return any(request.user.has_perm(name) for name in names)

    return has_permission


def _item(title: type_of_text, icon: str, app: str, model: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
        "permission": _may_see(app, model),
    }


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Open platform"),
    "SITE_HEADER": _("Open platform"),
    "SITE_SUBHEADER": _("Back office"),
    "SITE_URL": None,
    "SITE_SYMBOL": "storefront",
    "SHOW_LANGUAGES": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "DASHBOARD_CALLBACK": "openplatform.backoffice.dashboard.show_dashboard",
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 240)",
            "100": "oklch(93.5% .03 243)",
            "200": "oklch(88% .058 245)",
            "300": "oklch(80.5% .1 247)",
            "400": "oklch(70.5% .15 250)",
            "500": "oklch(62% .19 254)",
            "600": "oklch(54.5% .205 257)",
            "700": "oklch(48.5% .19 258)",
            "800": "oklch(42% .155 259)",
            "900": "oklch(37% .12 260)",
            "950": "oklch(27.5% .08 261)",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "items": [
                    {
                        "title": _("Overview"),
                        "icon": "dashboard",
                        "link": reverse_lazy("admin:index"),
                    }
                ]
            },
            {
                "title": _("Goods"),
                "separator": True,
                "collapsible": True,
                "items": [
                    _item(_("SKUs"), "inventory_2", "catalog", "sku"),
                    _item(_("Products"), "category", "catalog", "product"),
                    _item(_("Categories"), "account_tree", "catalog", "category"),
                    _item(_("Brands"), "sell", "catalog", "brand"),
                    _item(_("Pools"), "layers", "catalog", "pool"),
                    _item(_("Purchase prices"), "price_change", "catalog", "purchaseprice"),
                    _item(_("Stock"), "shelves", "catalog", "stock"),
                    _item(_("Stock movements"), "swap_vert", "catalog", "stockmovement"),
                    _item(_("Warehouses"), "warehouse", "catalog", "warehouse"),
                ],
            },
            {
                "title": _("Orders"),
                "separator": True,
                "collapsible": True,
                "items": [
                    _item(_("Orders"), "receipt_long", "orders", "order"),
                    _item(_("Suborders"), "call_split", "orders", "suborder"),
                    _item(_("Shipments"), "package_2", "orders", "shipment"),
                    _item(_("Carriers"), "local_shipping", "orders", "carrier"),
                    _item(_("Freight templates"), "scale", "orders", "freighttemplate"),
                ],
            },
            {
                "title": _("Partners and money"),
                "separator": True,
                "collapsible": True,
                "items": [
                    _item(_("Partners"), "store", "accounts", "partner"),
                    _item(_("API keys"), "key", "accounts", "apikey"),
                    _item(_("Wallets"), "account_balance_wallet", "accounts", "wallet"),
                    _item(_("Ledger"), "menu_book", "accounts", "ledgerentry"),
                    _item(_("Top-ups"), "add_card", "accounts", "topup"),
                    _item(_("Hold entries"), "lock_clock", "accounts", "holdentry"),
                    _item(
                        _("Credit limit changes"), "credit_score", "accounts", "creditlimitchange"
                    ),
                ],
            },
            {
                "title": _("Messages"),
                "separator": True,
                "collapsible": True,
                "items": [
                    _item(_("Messages"), "forum", "messaging", "message"),
                    _item(_("Outbox"), "outbox", "messaging", "outbox"),
                    _item(
                        _("Message cursors"), "format_list_numbered", "messaging", "messagecursor"
                    ),
                ],
            },
            {
                "title": _("System"),
                "separator": True,
                "collapsible": True,
                "items": [
                    _item(_("Users"), "person", "auth", "user"),
                    _item(_("Groups"), "group", "auth", "group"),
                    _item(_("Regions"), "map", "regions", "region"),
                    _item(_("Address library"), "library_books", "regions", "regionlibrary"),
                    _item(_("Idempotent requests"), "replay", "idempotency", "idempotentrequest"),
                    _item(_("Schedules"), "schedule", "django_q", "schedule"),
                    _item(_("Finished tasks"), "task_alt", "django_q", "success"),
                    _item(_("Failed tasks"), "error", "django_q", "failure"),
                ],
            },
        ],
    },
}
