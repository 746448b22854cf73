"""What people fill in about partners, keys and money."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Partner
from openplatform.core.money import CENT, MAX_DIGITS
from openplatform.core.scopes import Scope


class AmountFormField(forms.DecimalField):
    """An amount to the cent."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_digits=MAX_DIGITS,
            decimal_places=2,
            widget=UnfoldAdminDecimalFieldWidget(),
            **kwargs,
        )


class TopUpForm(forms.Form):
    """A transfer that came in."""

    amount = AmountFormField(label=_("Amount"), min_value=CENT)
    reference = forms.CharField(
        label=_("Reference"),
        max_length=64,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("The number of the bank transfer. The same one is booked once only."),
    )
    note = forms.CharField(
        label=_("Note"), max_length=200, required=False, widget=UnfoldAdminTextInputWidget()
    )


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
        label=_("Credit limit"), min_value=Decimal(0), initial=Decimal("0.00")
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
        help_text=_("Booked as a top-up"),
    )


class ApiKeyForm(forms.Form):
    """A key and what it opens."""

    partner = forms.ModelChoiceField(
        label=_("Partner"),
        queryset=Partner.objects.order_by("code"),
        widget=UnfoldAdminSelect2Widget(),
    )
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=[(scope.value, f"{scope.value} {scope.label}") for scope in Scope],
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text=_("What the key may do; none that it does not need"),
    )
    expires_at = forms.SplitDateTimeField(
        label=_("Expires at"),
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget(),
        help_text=_("Left empty, the key does not expire"),
    )
    note = forms.CharField(
        label=_("Note"), max_length=200, required=False, widget=UnfoldAdminTextInputWidget()
    )
