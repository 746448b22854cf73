"""What people fill in about the range, prices and stock."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.forms import ModelForm
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Partner
from catalog.models import Product, PurchasePrice, Sku
from catalog.services.stock import MAX_ON_HAND
from openplatform.core.money import ZERO
from openplatform.core.visible_text import require_visible

BETWEEN_CODES = re.compile(r"[\s,;，；、]+")
WHOLE = 100  # percent
SELLABLE, PHYSICAL = "sellable", "physical"


class CodesField(forms.CharField):
    """Codes as pasted from anywhere: divided by blanks, lines, commas or semicolons."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 8, "class": "font-mono"}),
            **kwargs,
        )

    def to_python(self, value: Any) -> Any:
        """The codes in order, each once."""
        text = super().to_python(value) or ""
        return list(dict.fromkeys(part for part in BETWEEN_CODES.split(text) if part))


class CurateForm(forms.Form):
    """SKUs in and out."""

    add = CodesField(
        label=_("Take in"),
        help_text=_("SKU codes, one per line or divided by blanks or commas"),
    )
    remove = CodesField(
        label=_("Take out"), help_text=_("Merchants that see them in no other pool are told")
    )

    def clean(self) -> dict[str, Any]:
        """No code on both sides, and at least one."""
        values = super().clean() or {}
        add, remove = values.get("add", []), values.get("remove", [])
        both = [code for code in add if code in set(remove)]
        if both:
            self.add_error(
                "remove", _("%(codes)s stands on both sides") % {"codes": ", ".join(both)}
            )
        if not add and not remove:
            raise forms.ValidationError(_("Name at least one SKU"))
        return values


class AssignForm(forms.Form):
    """Who sees a pool."""

    partners = forms.ModelMultipleChoiceField(
        label=_("Partners"),
        queryset=Partner.objects.order_by("code"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text=_("The pool is open to exactly these"),
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
    document_no = forms.CharField(
        label=_("Document number"),
        max_length=64,
        required=False,
        validators=[require_visible],
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Of the count sheet, if there is one"),
    )


def _require_object(value: Any) -> Any:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise forms.ValidationError(_('Write a JSON object, such as {"color": "red"}'))
    return value


class ProductForm(ModelForm):  # type: ignore[type-arg] # Django's own is not generic at run time
    """A product."""

    class Meta:
        model = Product
        fields = ("code", "name", "category", "brand", "unit", "attributes", "description")

    def clean_attributes(self) -> Any:
        """An object, not a list or a number."""
        return _require_object(self.cleaned_data["attributes"])


class SkuForm(ModelForm):  # type: ignore[type-arg] # Django's own is not generic at run time
    """A SKU."""

    class Meta:
        model = Sku
        exclude = ("created_at", "updated_at")  # noqa: DJ006 - all but the stamps

    def clean_specs(self) -> Any:
        """An object, not a list or a number."""
        return _require_object(self.cleaned_data["specs"])

    def clean(self) -> dict[str, Any]:
        """Prices are more than nothing."""
        values = super().clean() or {}
        for name in ("market_price", "sale_price", "floor_price"):
            price = values.get(name)
            if price is not None and price <= ZERO:
                self.add_error(name, _("A price is more than zero"))
        cost = values.get("cost_price")
        if cost is not None and cost < ZERO:
            self.add_error("cost_price", _("An amount is not negative"))
        return values


class PurchasePriceForm(ModelForm):  # type: ignore[type-arg] # Django's own is not generic at run time
    """An agreement on a price."""

    class Meta:
        model = PurchasePrice
        fields = ("partner", "sku", "fixed_price", "discount_percent", "starts_at", "ends_at")

    def clean(self) -> dict[str, Any]:
        """Either a price or a percentage, and an end after the start."""
        values = super().clean() or {}
        price, percent = values.get("fixed_price"), values.get("discount_percent")
        if "fixed_price" in values and "discount_percent" in values:
            if (price is None) == (percent is None):
                raise forms.ValidationError(
                    _("Give either a fixed price or a percentage of the sale price")
                )
            if price is not None and price <= ZERO:
                self.add_error("fixed_price", _("A price is more than zero"))
            if percent is not None and not ZERO < percent <= WHOLE:
                self.add_error("discount_percent", _("A percentage is above 0 and at most 100"))
        starts, ends = values.get("starts_at"), values.get("ends_at")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", _("The end is not after the start"))
        return values
