"""What people fill in when they open a claim for a merchant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
)

from aftersales.claimable import claimable_quantity, returnable_quantity
from aftersales.forms.pictures import ClaimPicturesField
from aftersales.forms.words import WordsField
from aftersales.models import ClaimType, Reason
from orders.models import OrderLine

LINE = "line_"
MAX_DESCRIPTION = 1000


class OpenClaimForm(forms.Form):
    """Which units of a suborder, and why: the units of one kind of claim at a time."""

    type = forms.ChoiceField(label=_("Type"), widget=UnfoldAdminRadioSelectWidget())
    reason = forms.ChoiceField(label=_("Reason"), widget=UnfoldAdminSelectWidget())
    description = WordsField(
        label=_("Description"),
        required=False,
        max_length=MAX_DESCRIPTION,
        help_text=_("What the merchant told us; it reads this"),
    )
    pictures = ClaimPicturesField()

    def __init__(
        self,
        *args: Any,
        lines: Sequence[OrderLine],
        reasons: Sequence[tuple[Reason, str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lines = lines
        self.reasons = {reason.code: reason for reason, _name in reasons}
        types = [
            type for type in ClaimType if any(claimable_quantity(line, type) > 0 for line in lines)
        ]
        type_field, reason_field = self.fields["type"], self.fields["reason"]
        assert isinstance(type_field, forms.ChoiceField)  # noqa: S101 - they are, above
        assert isinstance(reason_field, forms.ChoiceField)  # noqa: S101
        type_field.choices = [(type.value, type.label) for type in types]
        type_field.initial = types[0].value if types else None
        reason_field.choices = [("", "---"), *((one.code, name) for one, name in reasons)]
        others, self.fields = self.fields, {"type": type_field}
        for line in lines:
            self._add_line(line)
        self.fields.update({name: field for name, field in others.items() if name != "type"})

    def _add_line(self, line: OrderLine) -> None:
        self.fields[f"{LINE}{line.line_no}"] = forms.IntegerField(
            label=f"{line.line_no}. {line.sku_code} {line.name}",
            required=False,
            min_value=0,
            max_value=line.claimable_quantity,
            initial=0,
            widget=UnfoldAdminIntegerFieldWidget(),
            help_text=_(
                "%(claimable)d of %(quantity)d units can be claimed, %(returnable)d of them can be"
                " sent back"
            )
            % {
                "claimable": line.claimable_quantity,
                "quantity": line.quantity,
                "returnable": returnable_quantity(line),
            },
        )

    def clean(self) -> dict[str, Any]:
        """With ``items``: line number as text, and units."""
        values = super().clean() or {}
        if self.errors:
            return values
        items = [
            (str(line.line_no), units)
            for line in self.lines
            if (units := values[f"{LINE}{line.line_no}"])
        ]
        if not items:
            raise forms.ValidationError(_("No units were chosen"))
        reason = self.reasons[values["reason"]]
        if values["type"] not in reason.types:
            self.add_error("reason", _("This reason is not given for this kind of claim"))
        if reason.pictures_required and not values["pictures"]:
            self.add_error("pictures", _("This reason asks for pictures"))
        return {**values, "items": items}
