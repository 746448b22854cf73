"""What people fill in about prices."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Partner
from catalog.forms.moments import MomentField
from catalog.forms.pools import capital
from catalog.models import Brand, Category, Sku
from catalog.price_plans import MAY_BE_EMPTY, PRICES, How, PriceEdit, Rule
from openplatform.core.money import CENT, MAX_DIGITS, WHOLE, ZERO
from openplatform.core.visible_text import require_visible

MAX_PERCENT = 1000  # tenfold
SKU, CATEGORY, BRAND, ALL = "sku", "category", "brand", "all"


class AmountField(forms.DecimalField):
    """An amount of money."""

    def __init__(self, *, may_be_negative: bool = False, **kwargs: Any) -> None:
        super().__init__(
            max_digits=MAX_DIGITS,
            decimal_places=2,
            min_value=None if may_be_negative else kwargs.pop("min_value", CENT),
            widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
            **kwargs,
        )


class TermsForm(forms.Form):
    """The terms of an agreement."""

    fixed_price = AmountField(
        label=capital(_("fixed price")), required=False, help_text=_("Of a single SKU only")
    )
    discount_percent = forms.DecimalField(
        label=capital(_("percent off the sale price")),
        required=False,
        max_digits=5,
        decimal_places=2,
        min_value=CENT,
        max_value=WHOLE - CENT,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
        help_text=_("15 means 15 % off: 85 % is paid, to the cent, half a cent up"),
    )
    starts_at = MomentField(
        required=False, label=capital(_("starts at")), help_text=_("Left out: now")
    )
    ends_at = MomentField(
        required=False, label=capital(_("ends at")), help_text=_("Left out: open")
    )

    def clean(self) -> dict[str, Any]:
        """Either a price or a percentage, and an end after the start."""
        values = super().clean() or {}
        given = [values[name] for name in ("fixed_price", "discount_percent") if name in values]
        if len(given) > 1 and (given[0] is None) == (given[1] is None):
            raise forms.ValidationError(
                _("Give either a fixed price or a percentage off the sale price")
            )
        starts, ends = values.get("starts_at"), values.get("ends_at")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", _("The end is not after the start"))
        return values


class AgreementForm(TermsForm):
    """A new agreement."""

    partner = forms.ModelChoiceField(
        label=capital(_("partner")),
        queryset=Partner.objects.order_by("code"),
        widget=UnfoldAdminSelect2Widget(),
    )
    applies_to = forms.ChoiceField(
        label=_("Applies to"),
        choices=[
            (SKU, _("A SKU")),
            (CATEGORY, _("A category with everything below it")),
            (BRAND, _("A brand")),
            (ALL, _("Everything")),
        ],
        initial=SKU,
        widget=UnfoldAdminRadioSelectWidget(),
        help_text=_("A SKU comes before its deepest category, before its brand, before everything"),
    )
    sku = forms.CharField(
        label=_("SKU"), required=False, max_length=64, widget=UnfoldAdminTextInputWidget(),
        help_text=_("Its code"),
    )  # fmt: skip
    category = forms.ModelChoiceField(
        label=capital(_("category")),
        queryset=Category.objects.order_by("path"),
        required=False,
        widget=UnfoldAdminSelect2Widget(),
    )
    brand = forms.ModelChoiceField(
        label=capital(_("brand")),
        queryset=Brand.objects.order_by("name"),
        required=False,
        widget=UnfoldAdminSelect2Widget(),
    )
    field_order = ("partner", "applies_to", "sku", "category", "brand")

    def clean_sku(self) -> Sku | None:
        """The SKU by its code."""
        code = self.cleaned_data["sku"].strip()
        if not code:
            return None
        sku = Sku.objects.filter(code=code).first()
        if sku is None:
            raise forms.ValidationError(_("%(code)s does not exist") % {"code": code})
        return sku

    def clean(self) -> dict[str, Any]:
        """What it applies to is named, and a fixed price is of a SKU."""
        values = super().clean()
        kind = values.get("applies_to")
        for name in (SKU, CATEGORY, BRAND):
            if kind == name and name not in self.errors and values.get(name) is None:
                self.add_error(name, _("Say which one"))
            if kind != name and name in values:
                values[name] = None
        if kind not in {SKU, None} and values.get("fixed_price") is not None:
            self.add_error("fixed_price", _("A fixed price is for one SKU only"))
        return values


class WhenForm(forms.Form):
    """When prices change, and why."""

    effective_at = MomentField(
        required=False, label=capital(_("effective at")), help_text=_("Left out: at once")
    )
    reason = forms.CharField(
        label=capital(_("reason")),
        required=False,
        max_length=200,
        validators=[require_visible],
        widget=UnfoldAdminTextInputWidget(),
    )


class SkuPricesForm(WhenForm):
    """All prices of one SKU."""

    market_price = AmountField(label=capital(_("market price")))
    sale_price = AmountField(label=capital(_("sale price")))
    cost_price = AmountField(label=capital(_("cost price")), required=False, min_value=ZERO)
    floor_price = AmountField(
        label=capital(_("floor price")),
        required=False,
        help_text=_("The lowest price that merchants may resell at"),
    )
    field_order = PRICES

    @property
    def edit(self) -> PriceEdit:
        """What was filled in."""
        return PriceEdit(
            {
                name: Rule(How.CLEAR)
                if self.cleaned_data[name] is None
                else Rule(How.SET, self.cleaned_data[name])
                for name in PRICES
            }
        )


class ManyPricesForm(WhenForm):
    """One price of many SKUs."""

    price = forms.ChoiceField(
        label=_("Price"),
        choices=[
            ("sale_price", _("sale price")),
            ("market_price", _("market price")),
            ("cost_price", _("cost price")),
            ("floor_price", _("floor price")),
        ],
        widget=UnfoldAdminRadioSelectWidget(),
        initial="sale_price",
    )
    how = forms.ChoiceField(
        label=_("What to do"),
        choices=[
            (How.PERCENT, _("Raise or lower by percent")),
            (How.AMOUNT, _("Raise or lower by an amount")),
            (How.SET, _("Set to an amount")),
            (How.CLEAR, _("Empty it")),
        ],
        widget=UnfoldAdminRadioSelectWidget(),
        initial=How.PERCENT,
    )
    value = AmountField(
        label=_("Percent or amount"),
        may_be_negative=True,
        required=False,
        help_text=_("−10 lowers. Percentages are rounded to the cent, half a cent up"),
    )
    field_order = ("price", "how", "value")

    def clean(self) -> dict[str, Any]:
        """A number where one is needed, within reason."""
        values = super().clean() or {}
        if self.errors:
            return values
        how, value = values["how"], values["value"]
        if how == How.CLEAR:
            if values["price"] not in MAY_BE_EMPTY:
                self.add_error("how", _("Market and sale price cannot be empty"))
        elif value is None:
            self.add_error("value", _("Say how much"))
        elif how == How.PERCENT and not -WHOLE < value <= MAX_PERCENT:
            self.add_error("value", _("More than −100 and at most 1,000 percent"))
        return values

    @property
    def edit(self) -> PriceEdit:
        """What was filled in."""
        values = self.cleaned_data
        how = How(values["how"])
        return PriceEdit(
            {values["price"]: Rule(how, None if how == How.CLEAR else values["value"])}
        )


class HistoryForm(forms.Form):
    """Whose price history, and of which days."""

    partner = forms.ModelChoiceField(
        label=capital(_("partner")),
        queryset=Partner.objects.order_by("code"),
        widget=UnfoldAdminSelect2Widget(),
    )
    first_day = forms.DateField(label=_("From"), required=False, widget=UnfoldAdminDateWidget())
    last_day = forms.DateField(
        label=_("Until"), required=False, widget=UnfoldAdminDateWidget(),
        help_text=_("Left out: with what is to come"),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """The days in order."""
        values = super().clean() or {}
        first, last = values.get("first_day"), values.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", _("The end is before the start"))
        return values
