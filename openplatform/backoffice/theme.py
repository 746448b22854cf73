"""How the back office looks: unfold's settings. Read by the settings, so it imports no model."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

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
        "navigation": "openplatform.backoffice.navigation.list_navigation",
    },
}
