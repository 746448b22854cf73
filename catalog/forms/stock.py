"""What people fill in about stock."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextInputWidget,
)

from catalog.services.counts import MAX_ON_HAND
from openplatform.core.visible_text import require_visible

SELLABLE, PHYSICAL = "sellable", "physical"


def _document_no(**kwargs: Any) -> forms.CharField:
    return forms.CharField(
        label=_("Document number"),
        max_length=64,
        required=False,
        validators=[require_visible],
        widget=UnfoldAdminTextInputWidget(),
        **kwargs,
    )


class CountForm(forms.Form):
    """What was counted."""

    kind = forms.ChoiceField(
        label=_("What was counted"),
        choices=[
            (SELLABLE, _("Sellable and reserved units")),
            (PHYSICAL, _("Everything that lies there, paid units included")),
        ],
        initial=SELLABLE,
        widget=UnfoldAdminRadioSelectWidget(),
    )
    on_hand = forms.IntegerField(
        label=_("Counted units"),
        min_value=0,
        max_value=MAX_ON_HAND,
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    expected_on_hand = forms.IntegerField(
        label=_("Units in the books when you counted"),
        min_value=0,
        max_value=MAX_ON_HAND,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=_("Refused when the books say something else by now"),
    )
    safety_quantity = forms.IntegerField(
        label=_("Safety quantity"),
        min_value=0,
        max_value=MAX_ON_HAND,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=_("Never promised to anybody"),
    )
    document_no = _document_no(help_text=_("Of the count sheet, if there is one"))


class CorrectForm(forms.Form):
    """Units found or lost."""

    delta = forms.IntegerField(
        label=_("Correction"),
        min_value=-MAX_ON_HAND,
        max_value=MAX_ON_HAND,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=_("Units that were found, or with a minus lost"),
    )
    expected_on_hand = forms.IntegerField(
        label=_("Units in the books when you noticed"),
        min_value=0,
        max_value=MAX_ON_HAND,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=_("Refused when the books say something else by now; blank: whatever they say"),
    )
    document_no = _document_no(help_text=_("A document corrects a row once"))

    def clean_delta(self) -> int:
        """More or less than nothing."""
        delta: int = self.cleaned_data["delta"]
        if not delta:
            raise forms.ValidationError(_("A correction is not zero"))
        return delta


SET_TO, CHANGE_BY = "set_to", "change_by"


class CorrectManyForm(forms.Form):
    """One number for many rows."""

    kind = forms.ChoiceField(
        label=_("What to do"),
        choices=[
            (CHANGE_BY, _("Change each by this number")),
            (SET_TO, _("Set each to this number")),
        ],
        initial=CHANGE_BY,
        widget=UnfoldAdminRadioSelectWidget(),
    )
    number = forms.IntegerField(
        label=_("Units"),
        min_value=-MAX_ON_HAND,
        max_value=MAX_ON_HAND,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=_("Sellable and reserved ones; with a minus they are taken off"),
    )
    document_no = _document_no(help_text=_("A document corrects a row once; blank: one is made"))

    def clean(self) -> dict[str, Any]:
        """Nothing is set below zero."""
        values = super().clean() or {}
        number = values.get("number")
        if number is not None and number < 0 and values.get("kind") == SET_TO:
            self.add_error("number", _("There are not less than no units"))
        return values
