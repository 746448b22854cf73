"""What the audit trail calls the acts on partners, keys and money."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.audit.actions import name_actions

name_actions(
    {
        "register_partner": _("Partner added"),
        "change_status": _("Partner suspended or resumed"),
        "change_limits": _("Limits changed"),
        "change_credit_limit": _("Credit limit changed"),
        "ask_for_credit_limit": _("Change of credit limit asked for"),
        "change_alert_threshold": _("Alert threshold changed"),
        "ask_for_alert_threshold": _("Change of alert threshold asked for"),
        "confirm_contact": _("Contact confirmed"),
        "create_key": _("API key made"),
        "change_key": _("API key changed"),
        "rotate_key": _("API key rotated"),
        "revoke_key": _("API key revoked"),
        "report_top_up": _("Top-up reported"),
        "enter_top_up": _("Top-up entered"),
        "book_top_up": _("Top-up booked"),
        "book_adjustment": _("Adjustment booked"),
        "book_withdrawal": _("Withdrawal booked"),
        "enter_adjustment": _("Adjustment entered"),
        "enter_withdrawal": _("Withdrawal entered"),
    },
    {
        "credit_limit": _("credit limit"),
        "alert_threshold": _("alert threshold"),
        "daily_spending_cap": _("daily spending cap"),
        "max_open_orders": _("open orders at most"),
        "balance": _("balance"),
        "approved_amount": _("approved amount"),
        "note": _("note"),
    },
)
