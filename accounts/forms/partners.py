"""What people fill in about a partner."""

from __future__ import annotations

from decimal import Decimal

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminTextInputWidget

from accounts.forms.money import AmountFormField


class PartnerForm(forms.Form):
    """A partner and its wallet."""

    code = forms.CharField(
        label=_("Code"),
        max_length=64,
        validators=[RegexValidator(r"\A[A-Za-z0-9._-]{1,64}\Z")],
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Letters, digits, dot, hyphen and underscore. It cannot be changed later."),
    )
    name = forms.CharField(label=_("Name"), max_length=120, widget=UnfoldAdminTextInputWidget())
    email = forms.EmailField(label=_("Email"), required=False, widget=UnfoldAdminEmailInputWidget())
    credit_limit = AmountFormField(
        label=_("Credit limit"),
        min_value=Decimal(0),
        initial=Decimal("0.00"),
        help_text=_("A large one waits for another person; until then there is none"),
    )
    alert_threshold = AmountFormField(
        label=_("Alert threshold"),
        min_value=Decimal(0),
        initial=Decimal("0.00"),
        help_text=_("The balance counts as low when less than this is available"),
    )
    opening_balance = AmountFormField(
        label=_("Opening balance"),
        min_value=Decimal(0),
        initial=Decimal("0.00"),
        help_text=_("Becomes a top-up, which another person has to approve"),
    )
