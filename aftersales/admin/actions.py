"""What the audit trail calls the things that are done to claims."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.audit.actions import name_actions

name_actions(
    {
        "file_claim": _("Claim opened for a merchant"),
        "approve_claim": _("Claim approved"),
        "ask_for_claim_approval": _("Approval of a large refund asked for"),
        "refund_claim": _("Claim refunded"),
        "enter_return_waybill": _("Waybill of a return entered"),
        "reject_claim": _("Claim rejected"),
        "ask_for_information": _("Information asked for about a claim"),
        "add_note": _("Note written on a claim"),
    },
    {
        "aftersale_no": _("claim number"),
        "goods_refund_amount": _("refund of goods"),
        "freight_refund_amount": _("refund of freight"),
        "approved_units": _("units approved"),
        "refunded_units": _("units refunded"),
    },
)
