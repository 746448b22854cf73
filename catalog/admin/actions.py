"""What the audit trail calls the acts on goods."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.audit.actions import name_actions

name_actions(
    {
        "set_shelf_state": _("Put on the shelf or taken off it"),
        "curate_pool": _("SKUs of a pool chosen"),
        "assign_partners": _("Partners of a pool chosen"),
        "change_pool_rules": _("Rules of a pool changed"),
        "schedule_shelf_change": _("Scheduled for the shelf"),
        "withdraw_shelf_change": _("Scheduled listing called off"),
        "count_stock": _("Stock counted"),
        "correct_stock": _("Stock corrected"),
        "correct_many": _("Stock of many rows corrected"),
        "make_agreement": _("Price agreed"),
        "edit_agreement": _("Agreement on a price edited"),
        "withdraw_agreement": _("Agreement on a price withdrawn"),
        "change_prices": _("Prices changed"),
        "withdraw_price_change": _("Price change withdrawn"),
        "change_images": _("Pictures changed"),
    },
    {
        "skus_taken_in": _("SKUs taken in"),
        "skus_taken_out": _("SKUs taken out"),
        "skus_excluded": _("SKUs excluded"),
        "skus_readmitted": _("SKUs no longer excluded"),
        "rules": _("rules"),
        "effective_at": _("effective at"),
        "partners": _("partners"),
        "skus": _("SKUs"),
        "document_no": _("document number"),
        "images": _("images"),
    },
)
