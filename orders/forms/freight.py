"""What people fill in about freight."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.widgets import (
    UnfoldAdminSelect2Widget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Partner
from openplatform.core.errors import NotFound
from openplatform.regions.models import Region
from openplatform.regions.selectors import CODE, get_region, resolve_region
from orders.models import FreightRule, FreightTemplate
from orders.services.freight_templates import ONE_REST

AMOUNTS = ("first_amount", "step_amount", "free_from_amount", "remote_amount")
MAX_LINES = 1000  # of a basket, as of an order
MAX_QUANTITY = 2**31 - 1
SURE = 0.8  # the confidence from which the first place found for an address counts as meant
MAX_NAMED = 5
# A SKU, and how many: `A1`, `A1 3`, `A1:3`, `A1 x 3`.
ITEM = re.compile(
    r"([A-Za-z0-9._-]{1,64})(?:(?:\s*[:：×*]\s*|\s+(?:[xX]\s*)?)([0-9]{1,10}))?", re.ASCII
)


class FreightTemplateForm(forms.ModelForm):  # type: ignore[type-arg] # not generic at run time
    """Whose goods a template is for."""

    class Meta:
        model = FreightTemplate
        fields = ("code", "name", "warehouse", "category", "is_active")


class FreightRuleForm(forms.ModelForm):  # type: ignore[type-arg] # not generic at run time
    """A rule; what cannot be is told at its field."""

    class Meta:
        model = FreightRule
        fields = (
            "regions", "basis", "first_size", "first_amount", "step_size", "step_amount",
            "free_from_amount", "remote_amount",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["remote_amount"].help_text = _(
            "Once per suborder, for the goods of this template; it stays where the rest is free"
        )
        # Numbers left out in a row that was just added stand for what the model says.
        for name in ("step_amount", "remote_amount"):
            self.fields[name].required = False

    def clean(self) -> dict[str, Any]:
        """Nothing below zero."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ("step_amount", "remote_amount"):
            if name in values and values[name] is None:
                values[name] = Decimal(0)
        for name in AMOUNTS:
            if (values.get(name) or 0) < 0:
                self.add_error(name, _("An amount is not below zero"))
        return values


class FreightRuleFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg] # not generic at run time
    """The rules of a template: one at least, and each place in one of them only."""

    def clean(self) -> None:
        """A place that two rules name is told at the second one."""
        super().clean()
        seen: dict[str, int] = {}
        rows = 0
        for number, form in enumerate(self.forms, start=1):
            is_gone = self._should_delete_form(form)  # type: ignore[attr-defined] # Django's own
            if is_gone or not (form.has_changed() or form.instance.pk):
                continue
            rows += 1
            if "regions" in getattr(form, "cleaned_data", {}):
                self._require_new(form, number, seen)
        if not rows and not any(self.errors):
            raise forms.ValidationError(_("A template without rules charges nothing; add a rule"))

    def _require_new(self, form: Any, number: int, seen: dict[str, int]) -> None:
        regions: list[Region] = list(form.cleaned_data["regions"])
        for region in regions:
            if seen.setdefault(region.successor_id or region.code, number) != number:
                text = _("%(region)s stands in another rule already")
                form.add_error("regions", text % {"region": region.path_name})
        if not regions and seen.setdefault("", number) != number:
            form.add_error("regions", ONE_REST)


class PlaceField(forms.CharField):
    """A region by its code, or an address as people write it."""

    def clean(self, value: Any) -> Region | None:
        """The place that is meant."""
        text: str = super().clean(value)
        if not text:
            return None
        try:
            return self._named(text) if CODE.fullmatch(text) else self._resolved(text)
        except NotFound as error:
            raise forms.ValidationError(_("There is no such region")) from error

    def _named(self, code: str) -> Region:
        region = get_region(code=code)
        if region.is_retired and region.successor_in_use is None:
            raise forms.ValidationError(_("There is no such region"))
        return region.successor if region.successor and region.is_retired else region

    def _resolved(self, text: str) -> Region:
        found = resolve_region(text=text)["results"]
        if not found:
            raise NotFound
        if found[0]["confidence"] < SURE:
            named = "; ".join(
                f"{candidate['code']} {''.join(place['name'] for place in candidate['path'])}"
                for candidate in found[:MAX_NAMED]
            )
            text = str(_("Several places may be meant; write the code of one: %(places)s"))
            raise forms.ValidationError(text % {"places": named})
        return get_region(code=found[0]["code"])


class BasketField(forms.CharField):
    """SKUs and quantities, one a line."""

    def clean(self, value: Any) -> dict[str, int]:
        """Quantities by code."""
        items: dict[str, int] = {}
        faults = []
        lines = [part.strip() for part in re.split(r"[\n,;，；]", super().clean(value))]
        for line in filter(None, lines):
            match = ITEM.fullmatch(line)
            code, quantity = (match[1], int(match[2] or 1)) if match else ("", 0)
            if not 1 <= quantity <= MAX_QUANTITY:
                faults.append(_("Not a SKU and a quantity: %(line)s") % {"line": line[:100]})
            elif code in items:
                faults.append(_("%(sku)s stands here twice") % {"sku": code})
            else:
                items[code] = quantity
        if len(items) > MAX_LINES:
            faults.append(_("At most %(count)d lines") % {"count": MAX_LINES})
        if faults:
            raise forms.ValidationError(faults[:MAX_NAMED])
        return items


class FreightPreviewForm(forms.Form):
    """Whose basket, what is in it, and where it goes."""

    partner = forms.ModelChoiceField(
        label=pgettext_lazy("who sees SKUs", "Merchant"),
        queryset=Partner.objects.order_by("code"),
        to_field_name="code",
        widget=UnfoldAdminSelect2Widget(),
        help_text=_("Its pools and its own prices count"),
    )
    place = PlaceField(
        label=_("Deliver to"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Code of a region, or an address"),
    )
    basket = BasketField(
        label=_("Basket"),
        max_length=100_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6, "class": "font-mono"}),
        help_text=_("One SKU a line with its quantity, like A-100 3"),
    )


class UseForm(forms.Form):
    """Nothing to fill in: putting a template in use is confirmed."""
