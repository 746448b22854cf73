"""What people fill in about the range, prices and stock."""

from __future__ import annotations

from catalog.forms.goods import ProductForm, SkuForm
from catalog.forms.pools import AssignForm, CodesField, CurateForm
from catalog.forms.prices import AgreementForm, ManyPricesForm, SkuPricesForm
from catalog.forms.stock import (
    CHANGE_BY,
    PHYSICAL,
    SELLABLE,
    SET_TO,
    CorrectForm,
    CorrectManyForm,
    CountForm,
)

__all__ = [
    "CHANGE_BY",
    "PHYSICAL",
    "SELLABLE",
    "SET_TO",
    "AgreementForm",
    "AssignForm",
    "CodesField",
    "CorrectForm",
    "CorrectManyForm",
    "CountForm",
    "CurateForm",
    "ManyPricesForm",
    "ProductForm",
    "SkuForm",
    "SkuPricesForm",
]
