"""What people fill in about invoices: numbers and file of one that was issued, why one is
cancelled, through whom one is issued; and on behalf of merchants, titles and requests.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Partner
from openplatform.connectors.models import Provider
from openplatform.connectors.services.invoicing import list_invoice_providers
from openplatform.core.errors import FieldRequired
from openplatform.core.uploads.documents import PDF_START
from openplatform.core.uploads.files import ReceivedFile, safe_filename
from openplatform.core.visible_text import require_visible
from reconciliation.models import Invoice, InvoiceTitle
from reconciliation.services.issuing import MAX_REASON
from reconciliation.services.titles import MAX_LENGTHS, MAX_NAME, MIN_NAME

MAX_NUMBER = 24
MAX_FISCAL = 20
MAX_REMARK = 200


def _text_field(label: Any, max_length: int, **options: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=max_length,
        validators=[require_visible],
        widget=UnfoldAdminTextInputWidget(),
        **options,
    )


class VersionForm(forms.Form):
    """An act on an invoice as it was when the page was opened."""

    version = forms.IntegerField(widget=forms.HiddenInput(), min_value=0)


class IssueForm(VersionForm):
    """What the tax office's system gave out for an invoice."""

    fiscal_number = _text_field(pgettext_lazy("of the tax office", "Number"), MAX_FISCAL)
    fiscal_code = _text_field(
        pgettext_lazy("of the tax office", "Code"),
        MAX_FISCAL,
        required=False,
        help_text=_("Only where invoices have one"),
    )
    issued_on = forms.DateField(label=_("Issued on"), widget=UnfoldAdminDateWidget())
    file = forms.FileField(
        label=_("PDF"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".pdf"}),
        help_text=_(
            "It is kept without scripts, links and attachments; its pages stay as they are"
        ),
    )
    field_order = ("fiscal_number", "fiscal_code", "issued_on", "file", "version")

    def clean_file(self) -> ReceivedFile:
        """As it was sent, not to be believed."""
        file = self.cleaned_data["file"]
        if file.size > settings.UPLOAD_LIMIT:
            raise ValidationError(
                _("At most %(limit)d MB") % {"limit": settings.UPLOAD_LIMIT // 1024**2}
            )
        content = file.read()
        if not content.startswith(PDF_START):
            raise ValidationError(_("This file is not a PDF"))
        return ReceivedFile(content, safe_filename(file.name or ""))


class CancelForm(VersionForm):
    """Why."""

    reason = _text_field(
        _("Reason"), MAX_REASON, help_text=_("The merchant reads it, and it stands on a credit")
    )
    field_order = ("reason", "version")


class SendForm(VersionForm):
    """Through whom."""

    provider: forms.ModelChoiceField[Provider] = forms.ModelChoiceField(
        label=_("Provider"), queryset=Provider.objects.none(), widget=UnfoldAdminSelectWidget()
    )
    field_order = ("provider", "version")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = list_invoice_providers()
        self.fields["provider"].queryset = choices  # type: ignore[attr-defined] # of its kind
        self.fields["provider"].initial = choices.first()


class TitleField(forms.ModelChoiceField):  # type: ignore[type-arg] # generic for mypy only
    """A title in use, of whichever merchant."""

    def label_from_instance(self, obj: InvoiceTitle) -> str:
        """Whose it is, and what it says."""
        return " · ".join(filter(None, (obj.partner.code, obj.name, obj.tax_number)))


class RequestForm(forms.Form):
    """An invoice that a merchant asked finance for."""

    title = TitleField(
        label=_("Title"), queryset=InvoiceTitle.objects.none(), widget=UnfoldAdminSelect2Widget()
    )
    kind = forms.ChoiceField(
        label=_("Kind"), choices=Invoice.Kind.choices, widget=UnfoldAdminSelectWidget()
    )
    order_no = _text_field(
        _("Order number"), MAX_NUMBER, required=False, help_text=_("For one order; or else")
    )
    statement_no = _text_field(
        _("Statement number"),
        MAX_NUMBER,
        required=False,
        help_text=_("For all orders paid in its period that no invoice covers yet"),
    )
    remark = _text_field(_("Remark"), MAX_REMARK, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        titles = InvoiceTitle.objects.filter(is_active=True).select_related("partner")
        self.fields["title"].queryset = titles.order_by(  # type: ignore[attr-defined] # of its kind
            "partner__code", "name"
        )

    def clean(self) -> dict[str, Any]:
        """For one order, or for one statement."""
        values = super().clean() or {}
        if bool(values.get("order_no")) == bool(values.get("statement_no")):
            self.add_error("order_no", _("Name an order or a statement, one of the two"))
        return values


class TitleForm(forms.Form):
    """Whom a merchant wants invoices made out to."""

    partner = forms.ModelChoiceField(
        label=pgettext_lazy("of a statement", "Merchant"),
        queryset=Partner.objects.order_by("code"),
        widget=UnfoldAdminSelect2Widget(),
    )
    kind = forms.ChoiceField(
        label=_("Kind"), choices=InvoiceTitle.Kind.choices, widget=UnfoldAdminSelectWidget()
    )
    name = _text_field(_("Name"), MAX_NAME, min_length=MIN_NAME)
    tax_number = _text_field(
        _("Tax number"),
        MAX_FISCAL,
        required=False,
        help_text=_("Companies need one; individuals have none"),
    )
    address = _text_field(
        _("Address"),
        MAX_LENGTHS["address"],
        required=False,
        help_text=_("Special invoices need address, phone, bank and account"),
    )
    phone = _text_field(_("Phone"), MAX_LENGTHS["phone"], required=False)
    bank_name = _text_field(_("Bank"), MAX_LENGTHS["bank_name"], required=False)
    bank_account = _text_field(_("Bank account"), MAX_LENGTHS["bank_account"], required=False)
    email = forms.EmailField(label=_("Email"), required=False, widget=UnfoldAdminEmailInputWidget())

    def clean(self) -> dict[str, Any]:
        """A company has a tax number."""
        values = super().clean() or {}
        if values.get("kind") == InvoiceTitle.Kind.COMPANY and not values.get("tax_number"):
            self.add_error("tax_number", str(FieldRequired.title))
        return values
