"""How invoices look in the back office: the queue, and the page of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import localize
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from accounts.admin.shown import link_to, money_of, page_of
from openplatform.core.admin.decorators import display
from openplatform.core.admin.model_admins import ReadOnlyInline
from openplatform.core.errors import type_of_text
from openplatform.core.uploads.answers import answer_file
from reconciliation.admin.statement_view import period_shown
from reconciliation.models import Invoice, InvoicedOrder, InvoiceEvent, InvoiceLine
from reconciliation.selectors.invoices import (
    QUEUES,
    get_refunded_since,
    list_calls,
    mark_refunded_since,
)
from reconciliation.services.downloading import note_invoice_download
from reconciliation.states import InvoiceStatus

MAY_DOWNLOAD = "reconciliation.issue_invoice"
STATUS_COLOURS = {"requested": "warning", "issued": "success", "cancelled": "neutral"}
CREDIT_COLOURS = {"credit": "danger", "invoice": "neutral"}
NOTHING = "–"


class QueueFilter(DropdownFilter):
    """What waits, and for whom."""

    title = _("queue")
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """For finance, or for a provider."""
        return [
            ("issue", _("To issue")),
            ("credit", _("Credits to issue")),
            ("provider", _("With a provider")),
            ("failed", _("Failed at a provider")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        """What was requested, by who has it."""
        chosen = QUEUES.get(self.value() or "")
        return queryset if chosen is None else queryset.filter(chosen)


class SideFilter(DropdownFilter):
    """Invoices, or what takes them back."""

    title = pgettext_lazy("of an invoice", "blue or red letter")
    parameter_name = "side"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """Blue or red letter."""
        return [("invoice", _("Invoices")), ("credit", _("Credit invoices (red letter)"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        """By whether they take another one back."""
        if self.value() in ("invoice", "credit"):
            return queryset.filter(credits__isnull=self.value() == "invoice")
        return queryset


class LineInline(ReadOnlyInline):
    """What is invoiced, in the order of the invoice."""

    model = InvoiceLine
    verbose_name_plural = _("lines")
    fields = ("order_no", "sku", "name", "unit", "quantity", "unit_price", "rate", "amount", "tax")
    readonly_fields = ("rate", "tax")
    ordering = ("position",)
    show_change_link = False
    per_page = 25

    @display(description=_("tax rate"))
    def rate(self, line: InvoiceLine) -> str:
        """As a percentage."""
        return f"{line.tax_rate * 100:.2f}".rstrip("0").rstrip(".") + " %"

    @display(description=_("tax"))
    def tax(self, line: InvoiceLine) -> SafeString:
        """Contained in the amount."""
        return money_of(line.tax_amount)


class OrderInline(ReadOnlyInline):
    """The orders that it covers."""

    model = InvoicedOrder
    verbose_name_plural = _("orders")
    fields = ("order_link", "paid", "refunded", "amount", "credited_amount", "is_live")
    readonly_fields = ("order_link", "paid", "refunded")
    ordering = ("pk",)
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[InvoicedOrder]:
        """With the orders."""
        rows: QuerySet[InvoicedOrder] = super().get_queryset(request)
        return rows.select_related("order")

    @display(description=_("order"))
    def order_link(self, row: InvoicedOrder) -> SafeString:
        """On to it."""
        return link_to(page_of(row.order), row.order.order_no)

    @display(description=_("paid"))
    def paid(self, row: InvoicedOrder) -> SafeString:
        """With freight."""
        return money_of(row.order.total_amount)

    @display(description=_("refunded"))
    def refunded(self, row: InvoicedOrder) -> SafeString:
        """Up to now."""
        return money_of(row.order.refunded_amount)


class CreditInline(ReadOnlyInline):
    """What takes it back."""

    model = Invoice
    fk_name = "credits"
    verbose_name_plural = _("credit invoices (red letter)")
    fields = ("invoice_no", "status", "amount", "reason", "fiscal_number", "issued_at")


class EventInline(ReadOnlyInline):
    """What became of it."""

    model = InvoiceEvent
    verbose_name_plural = _("history")
    fields = ("at", "from_status", "to_status", "actor", "note")
    ordering = ("-id",)
    show_change_link = False


class InvoiceView:
    """The columns of the list, and the fields of the page."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        """With whether something was refunded since."""
        invoices: QuerySet[Invoice] = super().get_queryset(request)  # type: ignore[misc]
        return mark_refunded_since(invoices)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Invoice], search_term: str
    ) -> tuple[QuerySet[Invoice], bool]:
        """By any number, or by a part of the title."""
        term = search_term.strip()
        if not term:
            return queryset, False
        lines = InvoiceLine.objects.filter(order_no=term).values("invoice")
        found = (
            Invoice.objects.filter(invoice_no__startswith=term.upper()).values("pk")
            .union(
                Invoice.objects.filter(fiscal_number=term).values("pk"),
                Invoice.objects.filter(title__name__icontains=term).values("pk"),
                Invoice.objects.filter(statement__statement_no=term).values("pk"),
                lines.values("invoice_id"),
            )
        )  # fmt: skip
        return queryset.filter(pk__in=found), False

    @display(description=_("invoice"), ordering="invoice_no", is_header=True)
    def numbers(self, invoice: Invoice) -> tuple[str, str]:
        """Ours over the tax office's."""
        return invoice.invoice_no, invoice.fiscal_number or invoice.get_kind_display()

    @display(
        description=pgettext_lazy("of an invoice", "blue or red letter"),
        ordering="credits",
        label=CREDIT_COLOURS,
    )
    def side_badge(self, invoice: Invoice) -> tuple[str, type_of_text]:
        """Blue or red letter."""
        if invoice.is_credit:
            return "credit", _("Credit")
        return "invoice", _("Invoice")

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def status_badge(self, invoice: Invoice) -> tuple[str, str]:
        """A badge."""
        return invoice.status, invoice.get_status_display()

    @display(
        description=pgettext_lazy("of an invoice", "title"),
        ordering="title__name",
        is_header=True,
    )
    def title_shown(self, invoice: Invoice) -> tuple[str, str]:
        """Whom it is made out to, over whose it is."""
        return invoice.title.name, invoice.partner.code

    @display(description=_("covers"))
    def covers(self, invoice: Invoice) -> SafeString:
        """The order, or the period of the statement."""
        statement = invoice.statement
        if statement is None:
            orders = reverse("admin:orders_order_changelist", query={"q": invoice.order_no})
            return link_to(orders, invoice.order_no)
        return link_to(page_of(statement), period_shown(statement))

    @display(description=_("amount"), ordering="amount")
    def amount_shown(self, invoice: Invoice) -> SafeString:
        """With tax."""
        return money_of(invoice.amount)

    @display(description=_("tax"), ordering="tax_amount")
    def tax_shown(self, invoice: Invoice) -> SafeString:
        """Contained in the amount."""
        return money_of(invoice.tax_amount)

    @display(description=_("to be noted"))
    def waits_for(self, invoice: Invoice) -> type_of_text:
        """Who has it, and what went wrong."""
        if invoice.status != InvoiceStatus.REQUESTED:
            return "" if invoice.status == InvoiceStatus.CANCELLED else _refund_note(invoice)
        if invoice.error:
            return invoice.error
        if invoice.due_at is not None:
            return gettext("With %(provider)s") % {"provider": invoice.provider}
        return _refund_note(invoice)

    # The page

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With a warning when more was refunded than it knows."""
        invoice: Invoice = self.get_row(request, object_id)  # type: ignore[attr-defined]
        if request.method == "GET" and (text := refund_warning(invoice)):
            messages.warning(request, str(text))
        response: HttpResponse = super().change_view(  # type: ignore[misc]
            request, object_id, form_url, extra_context
        )
        return response

    @display(description=_("partner"))
    def partner_link(self, invoice: Invoice) -> SafeString:
        """Whose it is."""
        return link_to(page_of(invoice.partner), str(invoice.partner))

    @display(description=pgettext_lazy("of an invoice", "blue or red letter"))
    def letter(self, invoice: Invoice) -> type_of_text:
        """The same without a badge, which is for columns only."""
        _colour, text = self.side_badge(invoice)
        return text

    @display(description=pgettext_lazy("of an invoice", "title"))
    def title_link(self, invoice: Invoice) -> SafeString:
        """Whom it is made out to."""
        title = invoice.title
        text = f"{title.name} {title.tax_number}".strip()
        return link_to(page_of(title), text)

    @display(description=_("takes back"))
    def credited(self, invoice: Invoice) -> SafeString | str:
        """The invoice of which it takes back a part, or all."""
        if invoice.credits is None:
            return NOTHING
        return link_to(page_of(invoice.credits), invoice.credits.invoice_no)

    @display(description=pgettext_lazy("of an invoice", "refunded since"))
    def refunded_since(self, invoice: Invoice) -> SafeString:
        """What a credit invoice is still to be asked for."""
        return money_of(get_refunded_since(invoice))

    def get_urls(self) -> list[URLPattern]:
        """With the files."""
        view = self.admin_site.admin_view(self.answer_file)  # type: ignore[attr-defined]
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [path("<int:pk>/file/", view, name="reconciliation_invoice_file"), *urls]

    def answer_file(self, request: HttpRequest, pk: int) -> FileResponse:
        """The PDF; the trail says who took it.

        :raises PermissionDenied: for whoever may not issue invoices.
        :raises Http404: when there is none.
        """
        may_view = self.has_view_permission(request)  # type: ignore[attr-defined]
        if not (may_view and request.user.has_perm(MAY_DOWNLOAD)):
            raise PermissionDenied
        invoice: Invoice = self.get_row(request, str(pk))  # type: ignore[attr-defined]
        if not invoice.file:
            raise Http404
        try:
            content = default_storage.open(invoice.file)
        except FileNotFoundError as error:
            raise Http404 from error
        note_invoice_download(invoice=invoice, actor=request.user.get_username())
        return answer_file(content, filename=_filename_of(invoice), extension="pdf")

    def get_fields(self, request: HttpRequest, obj: Invoice | None = None) -> Sequence[Any]:
        """Without the file for whoever may not take it."""
        rows: Sequence[Any] = super().get_fields(request, obj)  # type: ignore[misc]
        if request.user.has_perm(MAY_DOWNLOAD):
            return rows
        return [tuple(name for name in row if name != "file_link") for row in rows]

    @display(description=_("file"))
    def file_link(self, invoice: Invoice) -> SafeString | str:
        """The PDF, to be saved."""
        if not invoice.file:
            return NOTHING
        address = reverse("admin:reconciliation_invoice_file", args=(invoice.pk,))
        return link_to(address, _filename_of(invoice))

    @display(description=_("issued through"))
    def issued_through(self, invoice: Invoice) -> type_of_text:
        """A provider, or who else once it is issued."""
        if invoice.provider is not None:
            return str(invoice.provider)
        is_issued = invoice.issued_at is not None
        return _("No provider: finance entered it as issued") if is_issued else NOTHING

    @display(description=_("calls of providers"))
    def calls(self, invoice: Invoice) -> SafeString | str:
        """How often one was asked about it."""
        rows = [
            (
                localize(localtime(call.created_at)), call.provider.name,
                call.get_outcome_display(), call.milliseconds, call.cost, call.error,
            )
            for call in list_calls(invoice)
        ]  # fmt: skip
        if not rows:
            return NOTHING
        heads = [(head,) for head in (
            _("at"), _("provider"), _("outcome"), _("milliseconds"), _("cost"), _("error"),
        )]  # fmt: skip
        return format_html(
            "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>",
            format_html_join("", '<th class="pr-6 text-left">{}</th>', heads),
            format_html_join(
                "", SafeString("<tr>" + '<td class="pr-6">{}</td>' * 6 + "</tr>"), rows
            ),
        )


def _filename_of(invoice: Invoice) -> str:
    return f"invoice-{invoice.fiscal_number}.pdf"


def refund_warning(invoice: Invoice) -> type_of_text:
    """What to know before it is issued, or while its credit is on its way; empty for nothing."""
    amount = get_refunded_since(invoice)
    if not amount or invoice.status == InvoiceStatus.CANCELLED:
        return ""
    if invoice.status == InvoiceStatus.REQUESTED:
        text = _(
            "%(amount)s of it was refunded since it was asked for. When it is issued, a credit"
            " invoice for that is asked for by itself; or cancel it, and have it asked for anew."
        )
    else:
        text = _("%(amount)s of it was refunded; a credit invoice is asked for within minutes.")
    return text % {"amount": f"{amount:,.2f}"}


def _refund_note(invoice: Invoice) -> type_of_text:
    is_refunded_since = getattr(invoice, "is_refunded_since", False)
    return pgettext_lazy("of an invoice", "Refunded since") if is_refunded_since else ""
