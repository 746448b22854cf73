"""Bills in the back office: who owes what since when, and what paid it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, RangeDateFilter

from accounts.admin.shown import PARTNER_FILTER, link_to, money_of, page_of
from openplatform.core.admin.decorators import display
from openplatform.core.admin.model_admins import ReadOnlyAdmin, ReadOnlyInline
from openplatform.core.errors import type_of_text
from reconciliation.admin.wrong_prices import WrongPricesPage
from reconciliation.models import Bill, BillPayment
from reconciliation.states import BillStatus

STATUS_COLOURS = {"open": "info", "overdue": "danger", "paid": "success"}


class BillStatusFilter(DropdownFilter):
    """What is still to be paid, and the states."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """Unpaid is open or overdue."""
        return [("unpaid", _("Unpaid")), *BillStatus.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Bill]) -> QuerySet[Bill]:
        """Those asked for."""
        match self.value():
            case "unpaid":
                return queryset.exclude(status=BillStatus.PAID)
            case str() as status if status in BillStatus:
                return queryset.filter(status=status)
        return queryset


class PaymentInline(ReadOnlyInline):
    """What came in for a bill, the newest first."""

    model = BillPayment
    verbose_name_plural = _("payments")
    fields = ("entry", "amount", "at")
    readonly_fields = ("entry",)
    show_change_link = False
    tab = False

    @display(description=_("ledger entry"))
    def entry(self, payment: BillPayment) -> SafeString:
        """Its number, on to the ledger of the partner."""
        ledger = reverse(
            "admin:accounts_ledgerentry_changelist",
            query={"partner__id__exact": payment.bill.partner_id},
        )
        return link_to(ledger, str(payment.entry_no))


@admin.register(Bill)
class BillAdmin(WrongPricesPage, ReadOnlyAdmin):
    """Bills of all merchants, with the sums over those listed."""

    list_display = (
        "bill_no", "partner", "period", "status_badge", "amount_shown", "paid_shown",
        "outstanding", "due_on", "issued_at",
    )  # fmt: skip
    list_filter = (
        PARTNER_FILTER,
        BillStatusFilter,
        ("due_on", RangeDateFilter),
        ("statement__period_end", RangeDateFilter),
    )
    list_select_related = ("partner", "statement")
    search_fields = ("bill_no__startswith", "partner__code", "statement__statement_no")
    search_help_text = _("Number of a bill or statement, or code of a partner")
    ordering = ("-id",)
    list_before_template = "backoffice/totals.html"
    totals = {
        _("amount"): Sum("amount"),
        _("paid"): Sum("paid_amount"),
        _("to be paid"): Sum(F("amount") - F("paid_amount")),
    }
    fields = (
        ("bill_no", "partner_link"), ("statement_link", "period"), ("status", "due_on"),
        ("amount_shown", "paid_shown"), ("outstanding", "orders_stopped"),
        ("issued_at", "reminded_at"), ("overdue_at", "paid_at"),
    )  # fmt: skip
    readonly_fields = (
        "partner_link", "statement_link", "period", "amount_shown", "paid_shown", "outstanding",
        "orders_stopped",
    )  # fmt: skip
    inlines = (PaymentInline,)

    @display(description=_("period"), ordering="statement__period_end")
    def period(self, bill: Bill) -> str:
        """The month."""
        return f"{bill.statement.period_start:%Y-%m}"

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def status_badge(self, bill: Bill) -> tuple[str, str]:
        """A badge."""
        return bill.status, bill.get_status_display()

    @display(description=_("amount"), ordering="amount")
    def amount_shown(self, bill: Bill) -> SafeString:
        """What it asks for."""
        return money_of(bill.amount)

    @display(description=_("paid"), ordering="paid_amount")
    def paid_shown(self, bill: Bill) -> SafeString:
        """What came in for it."""
        return money_of(bill.paid_amount)

    @display(description=_("to be paid"))
    def outstanding(self, bill: Bill) -> SafeString:
        """What is left."""
        return money_of(bill.outstanding_amount)

    @display(description=_("partner"))
    def partner_link(self, bill: Bill) -> SafeString:
        """Whose it is."""
        return link_to(page_of(bill.partner), str(bill.partner))

    @display(description=_("statement"))
    def statement_link(self, bill: Bill) -> SafeString:
        """At whose closing it was in use."""
        return link_to(page_of(bill.statement), bill.statement.statement_no)

    @display(description=_("orders"))
    def orders_stopped(self, bill: Bill) -> type_of_text:
        """Whether the partner can place any in spite of it."""
        if bill.status != BillStatus.OVERDUE:
            return _("Not stopped by this bill")
        if bill.partner.orders_while_overdue:
            return _("Not stopped: it was agreed that they go on while a bill is overdue")
        return _("Refused until the bill is paid")
