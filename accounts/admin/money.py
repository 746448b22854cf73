"""Wallets, ledger, holds and credit lines in the back office, to look at."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import F, Sum
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from accounts.admin.shown import (
    ALERT_COLOURS,
    HOLD_COLOURS,
    LEDGER_COLOURS,
    PARTNER_FILTER,
    AlertFilter,
    alert_badge,
    money_of,
)
from accounts.models import (
    CreditLimitChange,
    HoldEntry,
    LedgerEntry,
    Wallet,
)
from openplatform.core import clock
from openplatform.core.admin.day_filter import DayRangeFilter
from openplatform.core.admin.decorators import display
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.core.clock import PLATFORM_ZONE


@admin.register(Wallet)
class WalletAdmin(ReadOnlyAdmin):
    """Wallets, with the sums over those listed."""

    list_display = (
        "partner", "balance", "held_amount", "credit_limit", "available_badge", "alert_threshold",
        "open_orders", "last_entry_at",
    )  # fmt: skip
    list_filter = (AlertFilter, PARTNER_FILTER)
    list_select_related = ("partner",)
    search_fields = ("partner__code", "partner__name")
    ordering = ("partner__code",)
    readonly_fields = ("available", "ordered_today")
    fields = (
        "partner", ("balance", "held_amount"), ("credit_limit", "available"), "alert_threshold",
        ("daily_spending_cap", "ordered_today"), ("max_open_orders", "open_orders"),
        ("last_entry_no", "last_entry_at"), "last_hold_no",
    )  # fmt: skip
    list_before_template = "backoffice/totals.html"
    totals = {
        _("balance"): Sum("balance"),
        _("held amount"): Sum("held_amount"),
        _("credit limit"): Sum("credit_limit"),
        _("available"): Sum(F("balance") + F("credit_limit") - F("held_amount")),
    }

    @display(description=_("available"), label=ALERT_COLOURS)
    def available_badge(self, wallet: Wallet) -> tuple[str, str]:
        """Orange under the threshold, red under half of it."""
        return alert_badge(wallet)

    @display(description=_("ordered today"))
    def ordered_today(self, wallet: Wallet) -> SafeString:
        """What counts against the daily cap."""
        return money_of(wallet.spent_amount_on(clock.now().astimezone(PLATFORM_ZONE).date()))

    @display(description=_("available"))
    def available(self, wallet: Wallet) -> SafeString:
        """What new orders may cost."""
        return money_of(wallet.available_amount)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    """The ledger."""

    list_display = (
        "entry_no", "partner", "kind_badge", "signed_amount", "balance_after", "document_no",
        "note", "created_at",
    )  # fmt: skip
    list_filter = (
        PARTNER_FILTER, ("kind", ChoicesDropdownFilter), ("created_at", DayRangeFilter),
    )  # fmt: skip
    list_select_related = ("partner",)
    search_fields = ("document_no", "order_no", "partner__code")
    search_help_text = _("Number of a document or order, or code of a partner")
    ordering = ("-id",)
    list_before_template = "backoffice/totals.html"
    totals = {_("Sum of the amounts"): Sum("amount")}

    @display(description=_("kind"), ordering="kind", label=LEDGER_COLOURS)
    def kind_badge(self, entry: LedgerEntry) -> tuple[str, str]:
        """A badge."""
        return entry.kind, entry.get_kind_display()

    @display(description=_("amount"), ordering="amount")
    def signed_amount(self, entry: LedgerEntry) -> SafeString:
        """Red when money went out."""
        return money_of(entry.amount)


@admin.register(HoldEntry)
class HoldEntryAdmin(ReadOnlyAdmin):
    """What was set aside, released and paid."""

    list_display = (
        "hold_no", "partner", "kind_badge", "signed_amount", "held_after", "order_no", "created_at",
    )  # fmt: skip
    list_filter = (
        PARTNER_FILTER, ("kind", ChoicesDropdownFilter), ("created_at", DayRangeFilter),
    )  # fmt: skip
    list_select_related = ("partner",)
    search_fields = ("order_no", "partner__code")
    search_help_text = _("Order number or code of a partner")
    ordering = ("-id",)
    list_before_template = "backoffice/totals.html"
    totals = {_("Sum of the amounts"): Sum("amount")}

    @display(description=_("kind"), ordering="kind", label=HOLD_COLOURS)
    def kind_badge(self, entry: HoldEntry) -> tuple[str, str]:
        """A badge."""
        return entry.kind, entry.get_kind_display()

    @display(description=_("amount"), ordering="amount")
    def signed_amount(self, entry: HoldEntry) -> SafeString:
        """Red when a hold ended."""
        return money_of(entry.amount)


@admin.register(CreditLimitChange)
class CreditLimitChangeAdmin(ReadOnlyAdmin):
    """The history of credit lines."""

    list_display = ("partner", "limit_before", "limit_after", "reason", "actor", "created_at")
    list_filter = (PARTNER_FILTER, ("created_at", DayRangeFilter))
    list_select_related = ("partner",)
    search_fields = ("partner__code", "partner__name", "reason")
    ordering = ("-id",)
