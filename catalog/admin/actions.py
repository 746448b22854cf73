"""What the audit trail calls the acts on goods."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.audit.actions import name_actions

name_actions(
    {
        "set_shelf_state": _("Put on the shelf or taken off it"),
        "curate_pool": _("SKUs of a pool chosen"),
        "assign_partners": _("Partners of a pool chosen"),
        "count_stock": _("Stock counted"),
    },
    {
        "skus_taken_in": _("SKUs taken in"),
        "skus_taken_out": _("SKUs taken out"),
        "partners": _("partners"),
        "document_no": _("document number"),
    },
)
