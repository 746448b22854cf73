"""What is done to invoices in the back office, and who may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.admin.shown import page_of
from openplatform.core import clock
from openplatform.core.admin.decorators import action
from openplatform.core.admin.form_pages import Values, answer_form_page, faults_of
from openplatform.core.admin.staff import get_staff
from openplatform.core.errors import DomainError, type_of_text
from reconciliation.admin.invoice_view import refund_warning
from reconciliation.forms.invoices import CancelForm, IssueForm, RequestForm, SendForm
from reconciliation.models import Invoice
from reconciliation.requests import InvoiceRequest
from reconciliation.services.invoicing import request_invoice
from reconciliation.services.issuing import cancel_invoice, issue_by_hand
from reconciliation.services.provider_issuing import send_to_provider
from reconciliation.states import InvoiceStatus

MAX_CHOSEN = 200
ASKED_BEFORE = _(
    "A provider was asked to issue it, and nobody knows whether it has: look it up there first,"
    " and enter what it has issued."
)
STATES_OF_ACTS: Mapping[str, tuple[InvoiceStatus, ...]] = {
    "issue": (InvoiceStatus.REQUESTED,),
    "send": (InvoiceStatus.REQUESTED,),
    "cancel": (InvoiceStatus.REQUESTED, InvoiceStatus.ISSUED),
}


class InvoiceActs:
    """The buttons of the list and of the page."""

    actions_list = ("request_for_merchant",)
    actions_detail = ("issue", "send", "cancel")
    actions = ("send_chosen",)

    def has_issue_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may issue and cancel invoices."""
        return bool(request.user.has_perm("reconciliation.issue_invoice"))

    def has_request_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may ask for invoices on behalf of merchants."""
        return bool(request.user.has_perm("reconciliation.add_invoice"))

    def state_of_row(self, row: Invoice) -> type_of_text:
        """For whoever comes too late."""
        return row.get_status_display()

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[Any]:
        """Those that its state allows."""
        actions: list[Any] = super().get_actions_detail(  # type: ignore[misc]
            request, object_id
        )
        invoice = self.get_object(request, str(object_id))  # type: ignore[attr-defined]
        if invoice is None:
            return []
        return [one for one in actions if _allows(invoice, one.path)]

    @action(
        description=_("Enter as issued"), permissions=["issue"], url_path="issue", icon="task",
        is_primary=True,
    )  # fmt: skip
    def issue(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Number, day and PDF, by hand."""
        invoice: Invoice = self.get_row(request, object_id)  # type: ignore[attr-defined]
        if (answer := _too_late(request, invoice, "issue")) is not None:
            return answer

        def call(values: Values) -> type_of_text:
            issue_by_hand(
                invoice_no=invoice.invoice_no,
                fiscal_code=values["fiscal_code"],
                fiscal_number=values["fiscal_number"],
                issued_on=values["issued_on"],
                file=values["file"],
                user=get_staff(request),
                now=clock.now(),
                expected_version=values["version"],
            )
            return _("Invoice %(number)s is issued") % {"number": invoice.invoice_no}

        return answer_form_page(
            self,
            request,
            form_class=IssueForm,
            title=_("Enter an invoice as issued"),
            submit=_("Enter as issued"),
            call=call,
            back_to=page_of(invoice),
            initial={
                "version": invoice.version,
                "issued_on": clock.now().astimezone(clock.PLATFORM_ZONE).date(),
            },
            subject=invoice,
            intro=refund_warning(invoice)
            or (invoice.attempts and ASKED_BEFORE)
            or _("The merchant is told, and can take the PDF away from then on."),
            extra_context={"facts": _facts(invoice)},
        )

    @action(
        description=_("Issue through a provider"), permissions=["issue"], url_path="send",
        icon="send",
    )  # fmt: skip
    def send(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A worker asks it next."""
        invoice: Invoice = self.get_row(request, object_id)  # type: ignore[attr-defined]
        if (answer := _too_late(request, invoice, "send")) is not None:
            return answer

        def call(values: Values) -> type_of_text:
            send_to_provider(
                invoice_no=invoice.invoice_no,
                provider_id=values["provider"].pk,
                user=get_staff(request),
                now=clock.now(),
                expected_version=values["version"],
            )
            return _("The provider is asked next")

        return answer_form_page(
            self,
            request,
            form_class=SendForm,
            title=_("Issue through a provider"),
            submit=_("Hand over"),
            call=call,
            back_to=page_of(invoice),
            initial={
                "version": invoice.version,
                **({"provider": invoice.provider} if invoice.provider else {}),
            },
            subject=invoice,
            intro=refund_warning(invoice)
            or _(
                "It is asked again when it fails, at most six times within nine hours; what it"
                " refuses comes back here with its reason."
            ),
            extra_context={"facts": _facts(invoice)},
        )

    @action(
        description=_("Cancel"), permissions=["issue"], url_path="cancel", icon="cancel",
        is_danger=True,
    )  # fmt: skip
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A request at once; what was issued by a credit invoice for all of it."""
        invoice: Invoice = self.get_row(request, object_id)  # type: ignore[attr-defined]
        if (answer := _too_late(request, invoice, "cancel")) is not None:
            return answer

        def call(values: Values) -> HttpResponse | type_of_text:
            became = cancel_invoice(
                invoice_no=invoice.invoice_no,
                reason=values["reason"],
                user=get_staff(request),
                now=clock.now(),
                expected_version=values["version"],
            )
            if became.pk == invoice.pk:
                return _("Invoice %(number)s is cancelled") % {"number": invoice.invoice_no}
            text = _("Credit invoice %(number)s is to be issued now")
            messages.success(request, text % {"number": became.invoice_no})
            return HttpResponseRedirect(page_of(became))

        return answer_form_page(
            self,
            request,
            form_class=CancelForm,
            title=_("Cancel an invoice"),
            submit=_("Cancel the invoice"),
            call=call,
            back_to=page_of(invoice),
            initial={"version": invoice.version},
            subject=invoice,
            intro=_what_cancelling_means(invoice),
            is_danger=True,
            extra_context={"facts": _facts(invoice)},
        )

    @action(description=_("Issue the selected through a provider"), permissions=["issue"])
    def send_chosen(self, request: HttpRequest, chosen: QuerySet[Invoice]) -> HttpResponse | None:
        """Each by itself, through the first choice; what cannot be is told."""
        sent = 0
        for invoice in chosen.order_by("id")[:MAX_CHOSEN]:
            try:
                send_to_provider(
                    invoice_no=invoice.invoice_no,
                    provider_id=None,
                    user=get_staff(request),
                    now=clock.now(),
                    expected_version=invoice.version,
                )
            except DomainError as error:
                detail = faults_of(error)[0].detail
                messages.error(request, f"{invoice.invoice_no}: {detail}")
            else:
                sent += 1
        if sent:
            text = ngettext(
                "%(count)d invoice was handed over", "%(count)d invoices were handed over", sent
            )
            messages.success(request, text % {"count": sent})
        return None

    @action(
        description=_("Ask for an invoice"), permissions=["request"], url_path="request",
        icon="add", is_primary=True,
    )  # fmt: skip
    def request_for_merchant(self, request: HttpRequest) -> HttpResponse:
        """On behalf of a merchant."""
        back_to = reverse("admin:reconciliation_invoice_changelist")

        def call(values: Values) -> HttpResponse:
            title = values["title"]
            request_invoice(
                partner_id=title.partner_id,
                request=InvoiceRequest(
                    title_id=title.title_id,
                    kind=values["kind"],
                    order_no=values["order_no"],
                    statement_no=values["statement_no"],
                    remark=values["remark"],
                ),
                by=request.user.get_username(),
                now=clock.now(),
            )
            made = Invoice.objects.filter(
                title=title, kind=values["kind"], credits=None,
                **(
                    {"order_no": values["order_no"]}
                    if values["order_no"]
                    else {"statement__statement_no": values["statement_no"]}
                ),
            ).exclude(status=InvoiceStatus.CANCELLED)  # fmt: skip
            invoice = made.order_by("-id")[0]
            text = _("Invoice %(number)s was asked for")
            messages.success(request, text % {"number": invoice.invoice_no})
            return HttpResponseRedirect(page_of(invoice))

        return answer_form_page(
            self,
            request,
            form_class=RequestForm,
            title=_("Ask for an invoice on behalf of a merchant"),
            submit=_("Ask for it"),
            call=call,
            back_to=back_to,
            intro=_(
                "Only for what was paid, less what was refunded, and what no invoice covers yet."
                " The merchant is told."
            ),
        )


def _what_cancelling_means(invoice: Invoice) -> type_of_text:
    if invoice.status == InvoiceStatus.ISSUED:
        return _(
            "What was issued is taken back by a credit invoice for all that is left of it, which"
            " is asked for now. Once that is issued, this one is cancelled, and its orders can be"
            " invoiced anew."
        )
    if invoice.attempts:
        return _(
            "A provider was asked to issue it, and nobody knows whether it has: look it up there"
            " first. The orders can be invoiced anew afterwards."
        )
    if invoice.is_credit:
        return _(
            "For what was refunded, another credit invoice is asked for by itself; a credit that"
            " was to take back a whole invoice is given up, and the invoice stands."
        )
    return _("The merchant is told why, and the orders can be invoiced anew.")


def _facts(invoice: Invoice) -> list[tuple[type_of_text, Any]]:
    title = invoice.title
    rows: list[tuple[type_of_text, Any]] = [
        (_("partner"), invoice.partner),
        (pgettext_lazy("of an invoice", "title"), f"{title.name} {title.tax_number}".strip()),
        (_("kind"), invoice.get_kind_display()),
        (_("amount"), f"{invoice.amount:,.2f}"),
        (_("tax"), f"{invoice.tax_amount:,.2f}"),
    ]
    if invoice.credits is not None:
        rows.append((_("takes back"), invoice.credits.fiscal_number))
    return rows


def _allows(invoice: Invoice, act: str) -> bool:
    """Whether the state of an invoice allows an act; a credit that was issued stands for good."""
    if act == "cancel" and invoice.is_credit and invoice.status == InvoiceStatus.ISSUED:
        return False
    return invoice.status in STATES_OF_ACTS.get(act, ())


def _too_late(request: HttpRequest, invoice: Invoice, act: str) -> HttpResponse | None:
    """Back to the page, told why, when its state no longer allows it."""
    if _allows(invoice, act):
        return None
    text = gettext("The invoice is in a state that does not allow this")
    messages.warning(request, f"{text}: {invoice.get_status_display()}")
    return HttpResponseRedirect(page_of(invoice))
