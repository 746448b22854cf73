"""What people fill in about a partner."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminTextInputWidget

from accounts.forms.money import AmountFormField
from openplatform.core.visible_text import require_code, require_visible


class PartnerForm(forms.Form):
    """A partner and its wallet; of the money what one may enter."""

    code = forms.CharField(
        label=_("Code"),
        max_length=64,
        validators=[require_code],
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Letters, digits, dot, hyphen and underscore. It cannot be changed later."),
    )
    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        validators=[require_visible],
        widget=UnfoldAdminTextInputWidget(),
    )
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

    def __init__(self, *args: Any, may_set_terms: bool, may_top_up: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_set_terms:
            del self.fields["credit_limit"], self.fields["alert_threshold"]
        if not may_top_up:
            del self.fields["opening_balance"]
