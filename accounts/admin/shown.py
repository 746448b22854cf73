"""How states and amounts look on the pages of partners and money."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

PARTNER_FILTER = ("partner", AutocompleteSelectFilter)
STATUS_COLOURS = {"active": "success", "suspended": "danger"}
KEY_COLOURS = {"valid": "success", "expired": "warning", "revoked": "danger"}
KEY_STATES = {"valid": _("Valid"), "expired": _("Expired"), "revoked": _("Revoked")}
LEDGER_COLOURS = {
    "top_up": "success",
    "order_payment": "info",
    "refund": "success",
    "adjustment": "warning",
    "withdrawal": "warning",
}
HOLD_COLOURS = {"held": "warning", "released": "success", "paid": "info"}


def money_of(amount: Decimal) -> SafeString:
    """An amount with its thousands set off; a negative one in red."""
    colour = "text-red-600 dark:text-red-500" if amount < 0 else ""
    return format_html('<span class="whitespace-nowrap {}">{}</span>', colour, f"{amount:,.2f}")


def page_of(obj: Model) -> str:
    """The address of a row's own page."""
    meta = obj._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=(obj.pk,))
