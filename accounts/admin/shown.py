"""How states and amounts look on the pages of partners and money."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import F, Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter

from accounts.models import Wallet
from openplatform.core.errors import type_of_text

PARTNER_FILTER = ("partner", AutocompleteSelectFilter)
STATUS_COLOURS = {"active": "success", "suspended": "danger"}
LEDGER_COLOURS = {
    "top_up": "success",
    "order_payment": "info",
    "refund": "success",
    "adjustment": "warning",
    "withdrawal": "warning",
}
HOLD_COLOURS = {"held": "warning", "released": "success", "paid": "info"}
DOCUMENT_COLOURS = {"pending": "warning", "approved": "success", "rejected": "danger"}
ALERT_COLOURS = {"0": "success", "1": "warning", "2": "danger"}
ALERT_NAMES = {0: _("Fine"), 1: _("Low"), 2: _("Very low")}


class AlertFilter(DropdownFilter):
    """How much is left, by the alert threshold."""

    title = _("balance")
    parameter_name = "alert"
    path = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """The levels."""
        return [("low", _("Low or very low")), ("very_low", _("Very low")), ("fine", _("Fine"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """As :func:`alert_level_of` says, in SQL."""
        path = self.path
        left = F(f"{path}balance") + F(f"{path}credit_limit") - F(f"{path}held_amount")
        rows = queryset.alias(left=left, doubled=left * 2)
        nothing = Q(left__lte=0)
        low = nothing | Q(left__lt=F(f"{path}alert_threshold"))
        chosen = {
            "low": low,
            "very_low": nothing | Q(doubled__lt=F(f"{path}alert_threshold")),
            "fine": ~low,
        }
        value = self.value()
        return rows.filter(chosen[value]) if value in chosen else queryset


class PartnerAlertFilter(AlertFilter):
    """The same for lists of partners."""

    path = "wallet__"


def alert_badge(wallet: Wallet) -> tuple[str, str]:
    """What is available, for a column with ALERT_COLOURS: green, orange, red."""
    return str(alert_level_of(wallet)), f"{wallet.available_amount:,.2f}"


def alert_level_of(wallet: Wallet) -> int:
    """0 fine, 1 low, 2 very low; where there is no threshold, nothing left is very low."""
    return wallet.alert_level if wallet.available_amount > 0 else 2


def money_of(amount: Decimal) -> SafeString:
    """An amount with its thousands set off; a negative one in red."""
    colour = "text-red-600 dark:text-red-500" if amount < 0 else ""
    return format_html('<span class="whitespace-nowrap {}">{}</span>', colour, f"{amount:,.2f}")


def link_to(url: str, text: str) -> SafeString:
    """A link within a page."""
    return format_html(
        '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, text
    )


def page_of(obj: Model) -> str:
    """The address of a row's own page."""
    meta = obj._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=(obj.pk,))
