"""Invoice titles in the back office."""

from __future__ import annotations

from typing import Any

import orjson
from django.contrib import admin, messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter

from accounts.admin.shown import PARTNER_FILTER, link_to, page_of
from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ReadOnlyAdmin, ReadOnlyInline
from openplatform.core.errors import type_of_text
from reconciliation.forms.invoices import TitleForm
from reconciliation.models import Invoice, InvoiceTitle
from reconciliation.requests import TitleDraft
from reconciliation.services.titles import retire_title, save_title


class InvoiceInline(ReadOnlyInline):
    """What was made out to it."""

    model = Invoice
    verbose_name_plural = _("invoices")
    fields = ("invoice_no", "kind", "status", "amount", "fiscal_number", "created_at")


@admin.register(InvoiceTitle)
class InvoiceTitleAdmin(ReadOnlyAdmin):
    """Whom merchants want invoices made out to. They are written once."""

    list_display = (
        "name", "tax_number", "kind", "partner", "phone", "bank_name", "is_active", "created_at",
    )  # fmt: skip
    list_filter = (
        PARTNER_FILTER,
        ("kind", ChoicesDropdownFilter),
        ("is_active", BooleanRadioFilter),
    )
    list_select_related = ("partner",)
    search_fields = ("name", "=tax_number", "=title_id", "=partner__code")
    search_help_text = _("Part of the name, tax number, or code of a partner")
    ordering = ("-id",)
    fields = (
        ("name", "kind"), ("tax_number", "partner_link"), ("address", "phone"),
        ("bank_name", "bank_account"), ("email", "is_active"), ("title_id", "created_at"),
    )  # fmt: skip
    readonly_fields = ("partner_link",)
    inlines = (InvoiceInline,)
    actions_list = ("add_title",)
    actions_detail = ("retire",)

    def has_enter_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may enter titles for merchants."""
        return bool(request.user.has_perm("reconciliation.add_invoicetitle"))

    def has_retire_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may change them, which is only this; of those in use."""
        if not request.user.has_perm("reconciliation.change_invoicetitle"):
            return False
        if object_id is None:
            return True
        title = self.get_object(request, str(object_id))
        return title is not None and title.is_active

    def state_of_row(self, row: InvoiceTitle) -> type_of_text:
        """For whoever comes too late."""
        return _("In use") if row.is_active else _("Out of use")

    @display(description=_("partner"))
    def partner_link(self, title: InvoiceTitle) -> SafeString:
        """Whose it is."""
        return link_to(page_of(title.partner), str(title.partner))

    @action(
        description=_("Add a title"), permissions=["enter"], url_path="enter", icon="add",
        is_primary=True,
    )  # fmt: skip
    def add_title(self, request: HttpRequest) -> HttpResponse:
        """On behalf of a merchant."""

        def call(values: Values) -> HttpResponse:
            draft = {name: value for name, value in values.items() if name != "partner"}
            answer = save_title(
                partner_id=values["partner"].pk,
                draft=TitleDraft(**draft),
                now=clock.now(),
                actor=request.user.get_username(),
            )
            text = _("There is such a title already") if answer.is_replay else _("Title added")
            messages.success(request, str(text))
            title_id = orjson.loads(answer.body)["title_id"]
            return HttpResponseRedirect(page_of(InvoiceTitle.objects.get(title_id=title_id)))

        return answer_form_page(
            self,
            request,
            form_class=TitleForm,
            title=_("Add an invoice title for a merchant"),
            submit=_("Add"),
            call=call,
            back_to=reverse("admin:reconciliation_invoicetitle_changelist"),
            intro=_("It is never changed afterwards: another text is another title."),
        )

    @action(
        description=_("Take out of use"), permissions=["retire"], url_path="retire", icon="block",
        is_danger=True,
    )  # fmt: skip
    def retire(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """No further invoice is made out to it."""
        title: InvoiceTitle = self.get_row(request, object_id)

        def call(_values: Values) -> type_of_text:
            retire_title(title_id=title.title_id, actor=request.user.get_username())
            return _("The title is out of use")

        return answer_form_page(
            self,
            request,
            form_class=Form,
            title=_("Take a title out of use"),
            submit=_("Take out of use"),
            call=call,
            back_to=page_of(title),
            subject=title,
            intro=_(
                "No invoice can be asked for under it any more; those there are keep it. When the"
                " merchant sends the same text again, it is back in use."
            ),
            is_danger=True,
        )
