"""Invoices in the back office."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q, Sum
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
    RangeNumericFilter,
)

from accounts.admin.shown import PARTNER_FILTER
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.core.admin.paging import BoundedPaginator
from reconciliation.admin.invoice_acts import InvoiceActs
from reconciliation.admin.invoice_view import (
    CreditInline,
    EventInline,
    InvoiceView,
    LineInline,
    OrderInline,
    QueueFilter,
    SideFilter,
)
from reconciliation.models import Invoice
from reconciliation.states import InvoiceStatus

STANDING = ~Q(status=InvoiceStatus.CANCELLED)


@admin.register(Invoice)
class InvoiceAdmin(InvoiceActs, InvoiceView, ReadOnlyAdmin):
    """Invoices and credit invoices of all merchants."""

    list_display = (
        "numbers", "side_badge", "status_badge", "title_shown", "covers",
        "amount_shown", "tax_shown", "waits_for", "created_at",
    )  # fmt: skip
    list_filter = (
        QueueFilter,
        ("status", ChoicesDropdownFilter),
        SideFilter,
        ("kind", ChoicesDropdownFilter),
        PARTNER_FILTER,
        ("provider", AutocompleteSelectFilter),
        ("amount", RangeNumericFilter),
        ("created_at", RangeDateFilter),
        ("issued_at", RangeDateFilter),
    )
    list_select_related = ("partner", "title", "statement", "credits", "provider")
    list_before_template = "backoffice/totals.html"
    totals = {
        _("amount, without what is cancelled"): Sum("amount", filter=STANDING),
        _("tax, without what is cancelled"): Sum("tax_amount", filter=STANDING),
    }
    paginator = BoundedPaginator
    show_full_result_count = False
    ordering = ("-id",)
    search_fields = ("pk",)  # only says that there is a search box
    search_help_text = _(
        "Beginning of an invoice's number, a number of the tax office, of an order or a statement,"
        " or a part of the title"
    )
    fields = (
        ("invoice_no", "partner_link"),
        ("status", "letter"),
        ("title_link", "kind"),
        ("covers", "credited"),
        ("amount_shown", "tax_shown"),
        ("refunded_since",),
        ("fiscal_number", "fiscal_code"),
        ("issued_at", "file_link"),
        ("issued_through", "attempts"),
        ("due_at", "error"),
        ("remark", "reason"),
        ("requested_by", "created_at"),
        ("calls",),
    )
    readonly_fields = (
        "partner_link", "letter", "title_link", "covers", "credited",
        "amount_shown", "tax_shown", "refunded_since", "file_link", "issued_through",
        "calls",
    )  # fmt: skip
    inlines = (LineInline, OrderInline, CreditInline, EventInline)
