"""Which wrong prices one asks for."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from aftersales.forms.figures import FiguresForm
from reconciliation.selectors.wrong_prices import What


class WrongPricesForm(FiguresForm):
    """A period of orders, one merchant or all, and what is wrong with the price."""

    what = forms.ChoiceField(
        label=_("Purchase price"),
        choices=[
            (What.ALL.value, _("Above the sale price, or under the floor price")),
            (What.ABOVE_SALE.value, _("Above the sale price")),
            (What.UNDER_FLOOR.value, _("Under the floor price")),
        ],
        widget=UnfoldAdminSelectWidget(),
    )
