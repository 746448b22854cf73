"""What people fill in about pools."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django import forms
from django.conf import settings
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.utils.functional import lazy
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminTextareaWidget,
)

from accounts.models import Partner
from catalog.imports.sku_codes import read_sku_codes, split_codes
from catalog.models import CODE_PATTERN, Brand, Category, Pool, PoolRule, Sku
from catalog.selectors.pools import Act, RuleDraft
from openplatform.core.errors import TemporarilyUnavailable
from openplatform.core.money import CENT, MAX_DIGITS
from openplatform.core.statements import any_of
from openplatform.imports.errors import ImportRefused

capital = lazy(capfirst, str)

IS_CODE = re.compile(CODE_PATTERN)
SALT = "catalog.chosen-skus"
HOLDS_FOR = 24 * 60 * 60  # seconds


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
        return split_codes(super().to_python(value) or "")


def sign_skus(sku_ids: Collection[int]) -> str:
    """A text that stands for these SKUs on the way through a page: 50,000 of them in some
    kilobytes, where as many fields would be refused.
    """
    ordered = sorted(sku_ids)
    steps = [after - before for before, after in zip([0, *ordered], ordered, strict=False)]
    return signing.dumps(steps, salt=SALT, compress=True)


def read_signed_skus(text: str) -> list[int]:
    """The SKUs that :func:`sign_skus` was given.

    :raises BadSignature: for any other text, or an old one.
    """
    sku_ids: list[int] = []
    last = 0
    for step in signing.loads(text, salt=SALT, max_age=HOLDS_FOR):
        last += step
        sku_ids.append(last)
    return sku_ids


def _act_field() -> forms.ChoiceField:
    return forms.ChoiceField(
        label=_("What to do"),
        choices=Act.choices,
        initial=Act.TAKE_IN,
        widget=UnfoldAdminRadioSelectWidget(),
        help_text=_(
            "An excluded SKU never is in the pool, whatever a rule says. Taking out what a rule"
            " brought excludes it."
        ),
    )


class CurateForm(forms.Form):
    """SKUs of one pool, named one by one. Answers ``sku_ids`` and the codes ``unknown``."""

    act = _act_field()
    codes = CodesField(
        label=_("SKU codes"),
        help_text=_("One per line, or divided by blanks or commas"),
    )
    file = forms.FileField(
        label=_("Or a file"),
        required=False,
        widget=UnfoldAdminFileFieldWidget(),
        help_text=_("CSV or XLSX with a column “sku”, or plain text with one code per line"),
    )
    chosen = forms.CharField(required=False, widget=forms.HiddenInput())

    def clean(self) -> dict[str, Any]:
        """At least one SKU that exists."""
        values = super().clean() or {}
        if self.errors:
            return values
        if values["chosen"]:
            try:
                sku_ids = read_signed_skus(values["chosen"])
            except signing.BadSignature as error:
                raise forms.ValidationError(_("Choose the SKUs once more")) from error
            return {**values, "sku_ids": sku_ids, "unknown": []}
        codes = dict.fromkeys([*values["codes"], *self._codes_of_file(values.get("file"))])
        if self.errors:
            return values
        if not codes:
            raise forms.ValidationError(_("Name at least one SKU"))
        asked = [code for code in codes if IS_CODE.search(code)]
        known = dict(Sku.objects.filter(code__in=any_of(asked, "text")).values_list("code", "pk"))
        if not known:
            raise forms.ValidationError(_("None of these codes exists"))
        unknown = [code for code in codes if code not in known]
        return {**values, "sku_ids": list(known.values()), "unknown": unknown}

    def _codes_of_file(self, file: UploadedFile[bytes] | None) -> Sequence[str]:
        if file is None:
            return ()
        if (file.size or 0) > settings.UPLOAD_LIMIT:
            self.add_error("file", _("The file is too large"))
            return ()
        try:
            with _on_disk(file) as path:
                return read_sku_codes(path)
        except ImportRefused as error:
            for fault in error.row_faults:
                self.add_error("file", str(fault.text))
        except TemporarilyUnavailable as error:
            self.add_error("file", str(error.detail))
        return ()


@contextmanager
def _on_disk(file: UploadedFile[bytes]) -> Iterator[Path]:
    with NamedTemporaryFile() as copy:
        for chunk in file.chunks():
            copy.write(chunk)
        copy.flush()
        yield Path(copy.name)


class PoolActForm(forms.Form):
    """What to do in which pool with SKUs that are chosen already."""

    pool = forms.ModelChoiceField(
        label=_("Pool"),
        queryset=Pool.objects.order_by("code"),
        widget=UnfoldAdminSelect2Widget(),
    )
    act = _act_field()


class AssignForm(forms.Form):
    """Who sees a pool."""

    partners = forms.ModelMultipleChoiceField(
        label=_("Partners"),
        queryset=Partner.objects.order_by("code"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text=_("The pool is open to exactly these"),
    )


class CategoryField(forms.ModelChoiceField):  # type: ignore[type-arg] # not generic at run time
    """A category of the tree, deeper ones further to the right."""

    def label_from_instance(self, category: Any) -> str:
        """Its place, code and name."""
        return f"{'　' * (category.level - 1)}{category.code} {category.name}"


def _price_field(label: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        required=False,
        min_value=CENT,
        max_digits=MAX_DIGITS,
        decimal_places=2,
        widget=UnfoldAdminDecimalFieldWidget(),
        help_text=_("This price included"),
    )


class AddRuleForm(forms.Form):
    """Conditions of a new rule."""

    category = CategoryField(
        label=capital(_("category")),
        queryset=Category.objects.order_by("path"),
        required=False,
        widget=UnfoldAdminSelect2Widget(),
        help_text=_("With everything below it"),
    )
    brand = forms.ModelChoiceField(
        label=capital(_("brand")),
        queryset=Brand.objects.order_by("name"),
        required=False,
        widget=UnfoldAdminSelect2Widget(),
    )
    min_price = _price_field(capital(_("sale price from")))
    max_price = _price_field(capital(_("sale price to")))

    def clean(self) -> dict[str, Any]:
        """The rule as services take it."""
        values = super().clean() or {}
        category, brand = values.get("category"), values.get("brand")
        values["rule"] = RuleDraft(
            category_id=category.pk if category else None,
            brand_id=brand.pk if brand else None,
            min_price=values.get("min_price"),
            max_price=values.get("max_price"),
        )
        return values


class RemoveRulesForm(forms.Form):
    """Which rules of a pool go."""

    rules = forms.ModelMultipleChoiceField(
        label=_("Rules"),
        queryset=PoolRule.objects.none(),
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )

    def __init__(self, *args: Any, pool: Pool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rules = PoolRule.objects.filter(pool=pool).select_related("category", "brand")
        self.fields["rules"].queryset = rules.order_by("pk")  # type: ignore[attr-defined] # it has one
