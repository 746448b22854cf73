"""What one asks about a merchant's sight."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.widgets import (
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Partner
from catalog.forms.pools import CategoryField, capital
from catalog.models import Category, Sku
from catalog.selectors.skus import SkuFilters
from openplatform.regions.models import Region


class ProvinceField(forms.ModelChoiceField):  # type: ignore[type-arg] # not generic at run time
    """A province, or anywhere."""

    def label_from_instance(self, region: Any) -> str:
        """Its name."""
        return str(region.name)


class SeenByForm(forms.Form):
    """Whose catalogue, and which part of it."""

    partner = forms.ModelChoiceField(
        label=pgettext_lazy("who sees SKUs", "Merchant"),
        queryset=Partner.objects.order_by("code"),
        to_field_name="code",
        widget=UnfoldAdminSelect2Widget(),
    )
    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=100,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": _("Name, code, barcode or brand")}),
    )
    category = CategoryField(
        label=capital(_("category")),
        queryset=Category.objects.order_by("path"),
        to_field_name="code",
        required=False,
        empty_label=_("Any"),
        widget=UnfoldAdminSelect2Widget(),
    )
    shelf_state = forms.ChoiceField(
        label=capital(_("shelf state")),
        choices=[("", _("Any")), *Sku.ShelfState.choices],
        required=False,
        widget=UnfoldAdminSelectWidget(),
    )
    region = ProvinceField(
        label=_("Stock for"),
        queryset=Region.objects.filter(level=Region.Level.PROVINCE, is_retired=False).order_by(
            "code"
        ),
        required=False,
        empty_label=_("Anywhere"),
        widget=UnfoldAdminSelectWidget(),
    )
    after = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput())

    def filters(self) -> SkuFilters:
        """As the API takes them."""
        values = self.cleaned_data
        return SkuFilters(
            category=values["category"].code if values["category"] else "",
            shelf_state=values["shelf_state"],
            text=values["q"],
        )
