"""What people fill in about money."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import TopUp
from accounts.services.terms import MAX_NUMBER
from openplatform.approvals.models import Approval
from openplatform.core.admin.moments import require_year
from openplatform.core.money import CENT, MAX_DIGITS, ZERO, round_amount
from openplatform.core.visible_text import require_code, require_visible

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


AMOUNT = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)


class AmountFormField(forms.DecimalField):
    """An amount to the cent, with two places however it was typed.

    Written in plain digits: Django's own would take ``1e2``, ``1_000`` and full-width digits.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_digits=MAX_DIGITS,
            decimal_places=2,
            widget=UnfoldAdminDecimalFieldWidget(),
            **kwargs,
        )

    def to_python(self, value: Any) -> Any:
        """Plain digits only."""
        text = "" if value is None else str(value).strip()
        if text and not AMOUNT.fullmatch(text):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(text)

    def clean(self, value: Any) -> Decimal | None:
        """To the cent; finer ones were refused. Never a negative zero."""
        amount: Decimal | None = super().clean(value)
        return None if amount is None else round_amount(amount) + ZERO


def _text(
    label: StrOrPromise,
    *,
    max_length: int = 200,
    required: bool = True,
    help_text: StrOrPromise = "",
    validator: Callable[[str], None] = require_visible,
) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=max_length,
        required=required,
        validators=[validator],
        widget=UnfoldAdminTextInputWidget(),
        help_text=help_text,
    )


class TopUpForm(forms.Form):
    """A transfer that came in."""

    amount = AmountFormField(label=_("Amount"), min_value=CENT)
    reference = _text(
        _("Reference"),
        max_length=64,
        validator=require_code,
        help_text=_("The number of the bank transfer. The same one is booked once only."),
    )
    paid_at = forms.SplitDateTimeField(
        label=_("Paid at"),
        required=False,
        validators=[require_year],
        widget=UnfoldAdminSplitDateTimeWidget(),
        help_text=_("As the bank states it; may be left empty"),
    )
    note = _text(_("Note"), required=False)


class ApproveTopUpForm(forms.Form):
    """How much of a reported transfer is booked."""

    approved_amount = AmountFormField(label=_("Approved amount"), min_value=CENT)
    note = _text(
        _("Note"),
        required=False,
        help_text=_("Needed when less is approved than was reported: say why"),
    )

    def __init__(self, *args: Any, approval: Approval, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reported = TopUp.objects.values_list("amount", flat=True).get(top_up_no=approval.subject_no)
        field = self.fields["approved_amount"]
        field.initial = reported
        field.help_text = _(
            "%(amount)s were reported. Less may be approved, when the bank kept a fee; never more."
        ) % {"amount": f"{reported:,.2f}"}


class AdjustmentForm(forms.Form):
    """A balance put right."""

    amount = AmountFormField(
        label=_("Amount"),
        help_text=_("Negative: the balance goes down, below zero if need be"),
    )
    reason = _text(_("Reason"), help_text=_("The merchant reads it in its ledger"))

    def clean_amount(self) -> Decimal:
        """Anything but nothing."""
        amount: Decimal = self.cleaned_data["amount"]
        if not amount:
            raise forms.ValidationError(_("Zero changes nothing"))
        return amount


class WithdrawalForm(forms.Form):
    """Money that is paid back to the merchant."""

    amount = AmountFormField(
        label=_("Amount"),
        min_value=CENT,
        help_text=_("Of the merchant's own money that no order holds; never of the credit line"),
    )
    reference = _text(
        _("Reference"),
        max_length=64,
        validator=require_code,
        help_text=_("The number of the bank transfer"),
    )
    reason = _text(_("Reason"), help_text=_("The merchant reads it in its ledger"))


class CreditLimitForm(forms.Form):
    """How far the balance may go below zero."""

    credit_limit = AmountFormField(label=_("Credit limit"), min_value=Decimal(0))
    reason = _text(_("Reason"))


class AlertThresholdForm(forms.Form):
    """When the balance counts as low."""

    alert_threshold = AmountFormField(
        label=_("Alert threshold"),
        min_value=Decimal(0),
        help_text=_(
            "The merchant is told when less than this is available, and again under half of it"
        ),
    )
    reason = _text(_("Reason"))


class LimitsForm(forms.Form):
    """What a partner may do in a day, at once, and in a minute."""

    daily_spending_cap = AmountFormField(
        label=_("Daily spending cap"),
        min_value=Decimal(0),
        required=False,
        help_text=_("What orders placed on one day may cost together; left empty, no cap"),
    )
    max_open_orders = forms.IntegerField(
        label=_("Open orders at most"),
        min_value=1,
        max_value=MAX_NUMBER,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=_("Orders that wait for their confirmation"),
    )
    requests_per_minute = forms.IntegerField(
        label=_("Requests per minute"),
        min_value=1,
        max_value=MAX_NUMBER,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=_("Over all keys; left empty, the platform's limit holds"),
    )
    reason = _text(_("Reason"))


class ReasonForm(forms.Form):
    """Why."""

    reason = _text(_("Reason"))
