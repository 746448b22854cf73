"""What people fill in when they change an order that was paid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from openplatform.core.errors import type_of_text
from openplatform.core.visible_text import require_visible
from orders.models import OrderLine, Suborder
from orders.selectors.change_previews import Taker

LINE_PREFIX = "line_"
RESTOCK, WRITE_OFF = "restock", "write_off"
BY_RULE, REFUND, KEEP = "by_rule", "refund", "keep"
REFUND_FREIGHT = {BY_RULE: None, REFUND: True, KEEP: False}


class LinesForm(forms.Form):
    """Units of lines, each up to what is left to ship."""

    is_full = False  # whether all that is left is filled in at first

    def __init__(self, *args: Any, lines: Sequence[OrderLine], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others, self.fields = self.fields, {}
        for line in lines:
            left = line.left_quantity
            self.fields[f"{LINE_PREFIX}{line.line_no}"] = forms.IntegerField(
                label=f"{line.sku_code} {line.name}",
                min_value=0,
                max_value=left,
                initial=left if self.is_full else 0,
                widget=UnfoldAdminIntegerFieldWidget(),
                help_text=_("%(left)d of %(quantity)d units are left to ship")
                % {"left": left, "quantity": line.quantity},
            )
        self.fields.update(others)

    def clean(self) -> dict[str, Any]:
        """With ``quantities`` by line number; something must be chosen."""
        values = super().clean() or {}
        quantities = {
            int(name.removeprefix(LINE_PREFIX)): quantity
            for name, quantity in values.items()
            if name.startswith(LINE_PREFIX) and quantity
        }
        if not self.errors and not quantities:
            raise forms.ValidationError(_("No units were chosen"))
        return {**values, "quantities": quantities}


class ReasonForm(forms.Form):
    """Why it was done."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        validators=[require_visible],
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("The merchant may read it"),
    )


class UnitsForm(forms.Form):
    """What becomes of units that are not shipped."""

    units = forms.ChoiceField(
        label=_("Units that stay behind"),
        choices=[
            (RESTOCK, _("Can be sold again")),
            (WRITE_OFF, _("Are broken or missing: written off")),
        ],
        widget=UnfoldAdminRadioSelectWidget(),
    )

    def clean(self) -> dict[str, Any]:
        """With ``restock``."""
        values = super().clean() or {}
        return {**values, "restock": values.get("units") == RESTOCK}


class FreightForm(forms.Form):
    """Whether freight goes back."""

    freight = forms.ChoiceField(
        label=_("Freight"),
        choices=[
            (BY_RULE, _("Goes back when nothing of the suborder was or will be shipped")),
            (REFUND, _("Goes back")),
            (KEEP, _("Does not go back")),
        ],
        initial=BY_RULE,
        widget=UnfoldAdminRadioSelectWidget(),
    )

    def clean(self) -> dict[str, Any]:
        """With ``refund_freight``."""
        values = super().clean() or {}
        return {**values, "refund_freight": REFUND_FREIGHT.get(values.get("freight", BY_RULE))}


class TakerForm(forms.Form):
    """Which warehouse ships."""

    to_warehouse = forms.TypedChoiceField(
        label=_("Ships from now on"), coerce=int, widget=UnfoldAdminSelectWidget()
    )

    def __init__(self, *args: Any, part: Suborder, takers: Sequence[Taker], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["to_warehouse"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - it is, above
        field.choices = [
            (taker.warehouse.pk, name_taker(taker, is_own=taker.warehouse == part.warehouse))
            for taker in takers
        ]


def name_taker(taker: Taker, *, is_own: bool) -> type_of_text:
    """A warehouse, and what speaks for or against it."""
    if is_own:
        remarks = [_("ships it now")]
    else:
        remarks = [_("holds everything") if not taker.short_of else _("short of some SKUs")]
    if not taker.is_serving:
        remarks.append(_("does not serve the region"))
    return f"{taker.warehouse} ({', '.join(str(remark) for remark in remarks)})"


class SplitForm(TakerForm, UnitsForm, ReasonForm, LinesForm):
    """Units that become a suborder of their own."""

    field_order = ("to_warehouse", "units", "reason")

    def __init__(self, *args: Any, part: Suborder, **kwargs: Any) -> None:
        super().__init__(*args, part=part, **kwargs)
        self.from_warehouse_id = part.warehouse_id
        self.fields["units"].required = False
        self.fields["units"].help_text = _("Of another warehouse only; the same one keeps them")

    def clean(self) -> dict[str, Any]:
        """What stays behind is told when another warehouse ships."""
        values = super().clean()
        to = values.get("to_warehouse")
        if to not in (None, self.from_warehouse_id) and not values.get("units"):
            self.add_error("units", _("Say what becomes of the units at the old warehouse"))
        return values


class MoveForm(TakerForm, UnitsForm, ReasonForm):
    """A suborder that another warehouse ships."""

    field_order = ("to_warehouse", "units", "reason")


class CloseForm(FreightForm, UnitsForm, ReasonForm, LinesForm):
    """Units that will not be shipped."""

    is_full = True
    field_order = ("units", "freight", "reason")


class CloseOrderForm(FreightForm, UnitsForm, ReasonForm):
    """Everything of an order that was not shipped."""

    field_order = ("units", "freight", "reason")
