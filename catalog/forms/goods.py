"""What people fill in about products and SKUs.

The value that a field had when the page was made travels along, hidden. Only what somebody really
changed is written, so two who edit different fields at once do not undo each other.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from django import forms
from django.core.validators import MaxValueValidator
from django.db.models import Model
from django.forms import ModelForm
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from catalog.forms.pairs import PairsField, keep_kinds, parse_pairs, show_pairs, show_value
from catalog.models import MAX_QUANTITY, Brand, Category, CategoryAttribute, Product, Sku
from catalog.selectors.attributes import list_attributes
from openplatform.core.money import ZERO
from openplatform.core.visible_text import require_visible

MAX_WEIGHT_GRAMS = 100_000_000
MAX_VALUE = 200  # characters of an attribute of a category
MAX_DESCRIPTION = 200_000
Fields = dict[str, Any]


class MergingForm(ModelForm):  # type: ignore[type-arg] # Django's own is not generic at run time
    """Knows what its user changed, whatever others wrote since the page was made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            for field in self.fields.values():
                field.show_hidden_initial = True

    def changed_columns(self) -> Fields:
        """The columns that were changed, with their new values."""
        columns = {field.name: field.attname for field in self.instance._meta.concrete_fields}
        return {
            columns[name]: getattr(self.instance, columns[name])
            for name in self.changed_data
            if name in columns
        }


class DescriptionField(forms.CharField):
    """HTML. Browsers send other line breaks than they got, which is no change."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            max_length=MAX_DESCRIPTION,
            strip=False,
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 14, "class": "font-mono"}),
            **kwargs,
        )

    def to_python(self, value: Any) -> Any:
        """With the line breaks that are stored."""
        return (super().to_python(value) or "").replace("\r\n", "\n")


class AttributeChoiceField(forms.ChoiceField):
    """One of the choices of an attribute, or what the product says already."""

    def __init__(self, attribute: CategoryAttribute) -> None:
        super().__init__(
            label=attribute.name,
            required=attribute.is_required,
            choices=[("", "—"), *((choice, choice) for choice in attribute.choices)],
            widget=UnfoldAdminSelectWidget(),
        )

    def allow(self, value: str) -> None:
        """Have this value among the choices."""
        choices = list(cast(Any, self.choices))
        if value not in [choice for choice, _label in choices]:
            self.choices = [*choices, (value, value)]


def attribute_field(attribute: CategoryAttribute) -> forms.Field:
    """A text, or one of the choices."""
    if attribute.choices:
        return AttributeChoiceField(attribute)
    return forms.CharField(
        label=attribute.name,
        required=attribute.is_required,
        max_length=MAX_VALUE,
        validators=[require_visible],
        widget=UnfoldAdminTextInputWidget(),
    )


def attribute_name(attribute: CategoryAttribute) -> str:
    """The form's field for an attribute of a category."""
    return f"attribute_{attribute.pk}"


class ProductForm(MergingForm):
    """A product. The attributes of its category, and of those above, are fields of their own.

    When another category is chosen, the form has the fields of that one: what was said under the
    same name is in them, and the rest stands among the other attributes. Where a required one is
    missing the page comes back with it.
    """

    category_attributes: ClassVar[Sequence[CategoryAttribute]] = ()

    shown_category = forms.CharField(required=False, widget=forms.HiddenInput())
    other_attributes = PairsField(label=_("Other attributes"))
    description = DescriptionField(
        label=_("Description"),
        help_text=_("HTML; scripts and styles are taken out"),
    )

    class Meta:
        model = Product
        fields = ("code", "name", "category", "brand", "unit", "description")

    @classmethod
    def of_category(cls, category_id: int | None) -> type[ProductForm]:
        """The form with the attributes of a category."""
        attributes = list_attributes(category_id=category_id)
        fields: Fields = {attribute_name(one): attribute_field(one) for one in attributes}
        body = {**fields, "category_attributes": attributes}
        return types.new_class(cls.__name__, (cls,), exec_body=lambda form: form.update(body))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stored: Mapping[str, Any] = self.instance.attributes
        self._own = {
            attribute.name: attribute_name(attribute) for attribute in self.category_attributes
        }
        others = {name: value for name, value in self._stored.items() if name not in self._own}
        self.initial["other_attributes"] = others
        self.initial["shown_category"] = str(
            self.instance.category_id or self.initial.get("category") or ""
        )
        for name, field_name in self._own.items():
            if name in self._stored:
                shown = show_value(self._stored[name])
                self.initial[field_name] = shown
                field = self.fields.get(field_name)
                if isinstance(field, AttributeChoiceField):
                    field.allow(shown)
        if self.is_bound:
            self._follow_category()

    def _follow_category(self) -> None:
        """Sort what was sent for one category into the fields of another that was chosen."""
        shown, chosen = self._sent("shown_category"), self._sent("category")
        if "category" not in self.fields or shown == chosen:
            return
        try:
            said = parse_pairs(self._sent("other_attributes"))
        except forms.ValidationError:  # shown at its field, with all that was sent
            return
        for attribute in list_attributes(category_id=_id_of(shown)):
            if value := self._sent(attribute_name(attribute)).strip():
                said.setdefault(attribute.name, value)
        data = cast(Any, self.data).copy()
        for name, field_name in self._own.items():
            data[self.add_prefix(field_name)] = said.pop(name, "")
            shown_before = show_value(self._stored[name]) if name in self._stored else ""
            data[self.add_initial_prefix(field_name)] = shown_before
        data[self.add_prefix("other_attributes")] = show_pairs(said)
        data[self.add_prefix("shown_category")] = chosen
        self.data = data

    def _sent(self, name: str) -> str:
        return str(self.data.get(self.add_prefix(name)) or "")

    def clean(self) -> Fields:
        """No attribute in two places."""
        values = super().clean() or {}
        twice = [name for name in values.get("other_attributes", {}) if name in self._own]
        if twice:
            text = _("%(names)s: has a field of its own above") % {"names": ", ".join(twice)}
            self.add_error("other_attributes", text)
        return values

    def changed_attributes(self) -> Fields:
        """The attributes that were changed, with their new values; None is for those to go."""
        changed = set(self.changed_data)
        patch: Fields = {}
        if "other_attributes" in changed:
            others = keep_kinds(self.cleaned_data["other_attributes"], self._stored)
            gone = [name for name in self._stored if name not in self._own]
            patch |= dict.fromkeys(gone) | others
        for name, field_name in self._own.items():
            if field_name in changed:
                said = self.cleaned_data[field_name]
                patch[name] = keep_kinds({name: said}, self._stored)[name] if said else None
        return patch

    def new_attributes(self) -> Fields:
        """All attributes of a product that is new."""
        said = {name: self.cleaned_data[field_name] for name, field_name in self._own.items()}
        return {name: value for name, value in said.items() if value} | cast(
            Fields, self.cleaned_data["other_attributes"]
        )


class SkuForm(MergingForm):
    """A SKU."""

    specs = PairsField(label=_("Specs"))

    class Meta:
        model = Sku
        fields = (
            "code", "shelf_state", "product", "name", "specs", "market_price", "sale_price",
            "cost_price", "floor_price", "min_quantity", "quantity_step", "tax_rate",
            "weight_grams", "barcode",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        bounds = {
            "min_quantity": MAX_QUANTITY,
            "quantity_step": MAX_QUANTITY,
            "weight_grams": MAX_WEIGHT_GRAMS,
        }
        for name, bound in bounds.items():
            if name in self.fields:
                self.fields[name].validators.append(MaxValueValidator(bound))

    def clean_specs(self) -> Fields:
        """What stands there as it stood stays a number, if it is one."""
        return keep_kinds(self.cleaned_data["specs"], self.instance.specs)

    def clean(self) -> Fields:
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


class BrandForm(MergingForm):
    """A brand."""

    class Meta:
        model = Brand
        fields = ("name",)


class CategoryForm(MergingForm):
    """A category."""

    class Meta:
        model = Category
        fields = ("code", "name", "parent")


def _id_of(text: str) -> int | None:
    is_id = text.isascii() and text.isdecimal() and len(text) <= len(str(2**63)) - 1
    return int(text) if is_id else None


def chosen_category(sent: Any, product: Model | None) -> int | None:
    """The id of the category that a product page is about.

    :param sent: what the form or the link says, if it says anything.
    """
    if sent:
        return _id_of(str(sent))
    return product.category_id if isinstance(product, Product) else None
