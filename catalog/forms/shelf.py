"""What people fill in about the shelf."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget

from catalog.forms.moments import MomentField
from catalog.forms.pools import capital
from catalog.models import Sku


class ShelfTimeForm(forms.Form):
    """What happens, and when."""

    shelf_state = forms.ChoiceField(
        label=capital(_("shelf state")),
        choices=Sku.ShelfState.choices,
        initial=Sku.ShelfState.ON_SHELF,
        widget=UnfoldAdminRadioSelectWidget(),
    )
    effective_at = MomentField(label=capital(_("effective at")))
