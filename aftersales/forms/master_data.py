"""What people fill in about reasons of claims and about rules that approve claims."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.models import Partner
from aftersales.models import ApprovalRule, ClaimType, Reason
from aftersales.rule_terms import Terms
from openplatform.core.money import MAX_DIGITS

LEAST_AMOUNT = Decimal("0.01")


class TypesField(forms.MultipleChoiceField):
    """Kinds of claims, to be ticked."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            choices=ClaimType.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget(), **kwargs
        )


class LimitField(forms.DecimalField):
    """An amount up to which something is done; without one there is no limit of its own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            min_value=LEAST_AMOUNT,
            max_digits=MAX_DIGITS,
            decimal_places=2,
            widget=UnfoldAdminDecimalFieldWidget(),
            **kwargs,
        )


class ReasonForm(forms.ModelForm):  # type: ignore[type-arg] # generic for mypy only
    """A reason that merchants choose from."""

    types = TypesField(
        label=_("Kinds of claims"), help_text=_("The kinds of claims that it may be given for")
    )

    class Meta:
        model = Reason
        fields = ("code", "name", "name_en", "types", "pictures_required", "position", "is_active")
        help_texts = {
            "code": _("Merchants' systems send it: lower-case letters, digits, underscores"),
            "name_en": _("Shown to whoever asks in English; without it the name is shown"),
            "pictures_required": _("A claim for this reason is refused without a picture"),
            "position": _("Merchants see the smaller numbers first"),
            "is_active": _("Taken out of use, it can no longer be given; claims keep it"),
        }


class ApprovalRuleForm(forms.ModelForm):  # type: ignore[type-arg] # generic for mypy only
    """What a claim has to meet to be approved without anybody looking."""

    types = TypesField(
        label=_("Kinds of claims"), required=False, help_text=_("None means every kind")
    )
    max_amount = LimitField(
        label=_("Up to an amount"), help_text=_("Of the refund of one claim, with freight")
    )
    max_amount_a_day = LimitField(
        label=_("Up to an amount a day"),
        help_text=_("What this rule may approve for one merchant in 24 hours"),
    )

    class Meta:
        model = ApprovalRule
        fields = (
            "name", "is_active", "position", "types", "reasons", "partners", "before_shipment_only",
            "max_amount", "max_amount_a_day",
        )  # fmt: skip
        help_texts = {
            "name": _("The history of a claim names it, and merchants read that"),
            "reasons": _("None means every reason"),
            "position": _("The first rule, by position, that a claim meets approves it"),
        }


class RuleTrialForm(forms.Form):
    """Terms to be tried on claims that were filed."""

    LATEST, UNDECIDED = "latest", "undecided"

    claims = forms.ChoiceField(
        label=_("Claims"),
        choices=[
            (LATEST, _("The last 200 that merchants filed")),
            (UNDECIDED, _("Those that wait for a decision, the last 200")),
        ],
        initial=LATEST,
        widget=UnfoldAdminSelectWidget(),
    )
    types = TypesField(
        label=_("Kinds of claims"), required=False, help_text=_("None means every kind")
    )
    reasons = forms.ModelMultipleChoiceField(
        label=_("Reasons"),
        queryset=Reason.objects.order_by("position", "code"),
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget(),
        help_text=_("None means every reason"),
    )
    partners = forms.ModelMultipleChoiceField(
        label=_("Trusted merchants"),
        queryset=Partner.objects.order_by("code"),
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget(),
        help_text=_("None means every merchant"),
    )
    max_amount = LimitField(label=_("Up to an amount"))
    max_amount_a_day = LimitField(label=_("Up to an amount a day"))
    before_shipment_only = forms.BooleanField(
        label=_("Before shipment only"),
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text=_("No claimed unit has left"),
    )

    def clean(self) -> dict[str, Any]:
        """With ``terms`` and ``undecided_only``."""
        values = super().clean() or {}
        return {
            **values,
            "undecided_only": values.get("claims") == self.UNDECIDED,
            "terms": Terms(
                types=frozenset(values.get("types") or ()),
                reason_ids=frozenset(reason.pk for reason in values.get("reasons") or ()),
                partner_ids=frozenset(partner.pk for partner in values.get("partners") or ()),
                before_shipment_only=values.get("before_shipment_only", False),
                max_amount=values.get("max_amount"),
                max_amount_a_day=values.get("max_amount_a_day"),
            ),
        }
