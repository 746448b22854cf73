"""What people fill in about parcels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from catalog.models import Warehouse
from openplatform.core import clock
from openplatform.core.admin.moments import require_year
from openplatform.core.visible_text import require_visible
from openplatform.imports.errors import CellInvalid
from openplatform.imports.parsers import parse_code
from orders.models import Carrier, OrderLine

LINE_PREFIX = "line_"


def require_waybill(text: str) -> None:
    """As in the files that warehouses send.

    :raises ValidationError: for anything but 1 to 64 letters, digits, dots, hyphens, underscores.
    """
    try:
        parse_code(text)
    except CellInvalid as fault:
        raise ValidationError(
            _("A waybill number is 1 to 64 letters, digits, dots, hyphens or underscores")
        ) from fault


class WaybillNoForm(forms.Form):
    """Who carries a parcel, and under which number."""

    carrier = forms.ModelChoiceField(
        label=_("Carrier"),
        queryset=Carrier.objects.filter(is_active=True).order_by("name"),
        widget=UnfoldAdminSelectWidget(),
    )
    waybill_no = forms.CharField(
        label=_("Waybill number"),
        max_length=64,
        validators=[require_waybill],
        widget=UnfoldAdminTextInputWidget(),
    )


class ParcelForm(WaybillNoForm):
    """A parcel that leaves now."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        text = _("The same waybill again is the same parcel and changes nothing")
        self.fields["waybill_no"].help_text = text


class SentParcelForm(ParcelForm):
    """A parcel that left."""

    shipped_at = forms.SplitDateTimeField(
        label=_("Shipped at"),
        validators=[require_year],
        widget=UnfoldAdminSplitDateTimeWidget(),
        initial=clock.now,
    )


class ShipForm(SentParcelForm):
    """A parcel, and what is in it."""

    def __init__(self, *args: Any, lines: Sequence[OrderLine], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for line in lines:
            left = line.left_quantity
            self.fields[f"{LINE_PREFIX}{line.line_no}"] = forms.IntegerField(
                label=f"{line.sku_code} {line.name}",
                min_value=0,
                initial=left,
                widget=UnfoldAdminIntegerFieldWidget(),
                help_text=_("%(left)d of %(quantity)d units are left to ship")
                % {"left": left, "quantity": line.quantity},
            )

    def clean(self) -> dict[str, Any]:
        """With ``quantities`` by line number; something must be in the parcel."""
        values = super().clean() or {}
        quantities = {
            int(name.removeprefix(LINE_PREFIX)): quantity
            for name, quantity in values.items()
            if name.startswith(LINE_PREFIX) and quantity
        }
        if not self.errors and not quantities:
            raise forms.ValidationError(_("Nothing is in the parcel"))
        return {**values, "quantities": quantities}


class WaybillForm(WaybillNoForm):
    """Under which number a parcel goes on, and why."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        validators=[require_visible],
        widget=UnfoldAdminTextInputWidget(),
    )


class SettleForm(forms.Form):
    """What was done about a parcel in trouble."""

    settlement = forms.CharField(
        label=_("Settlement"),
        max_length=200,
        validators=[require_visible],
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("What was agreed, with the carrier or with the merchant"),
    )


class ToShipForm(forms.Form):
    """Which file of what is to be shipped."""

    CSV, XLSX = "csv", "xlsx"

    warehouse = forms.ModelChoiceField(
        label=_("Warehouse"),
        queryset=Warehouse.objects.order_by("code"),
        required=False,
        empty_label=_("All warehouses"),
        widget=UnfoldAdminSelectWidget(),
    )
    format = forms.ChoiceField(
        label=_("Format"),
        choices=[(XLSX, _("Excel workbook (XLSX)")), (CSV, "CSV")],
        widget=UnfoldAdminSelectWidget(),
    )
