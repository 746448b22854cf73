"""Which figures one asks for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminSelect2Widget

from accounts.models import Partner
from aftersales.selectors.figures import Period
from openplatform.core import clock
from openplatform.core.admin.period_pages import require_days
from openplatform.core.clock import PLATFORM_ZONE

DAYS_AT_FIRST = 30


def last_days(count: int) -> Period:
    """So many days of the platform's calendar up to today."""
    today = clock.now().astimezone(PLATFORM_ZONE).date()
    return Period(today - timedelta(days=count - 1), today)


class FiguresForm(forms.Form):
    """A period, and one merchant or all."""

    first = forms.DateField(label=_("From"), widget=UnfoldAdminDateWidget())
    last = forms.DateField(label=_("Until"), widget=UnfoldAdminDateWidget())
    partner = forms.ModelChoiceField(
        label=pgettext_lazy("of a claim", "Merchant"),
        queryset=Partner.objects.order_by("code"),
        to_field_name="code",
        required=False,
        empty_label=_("All merchants"),
        widget=UnfoldAdminSelect2Widget(),
    )

    def clean(self) -> dict[str, Any]:
        """A period that has days, and not too many."""
        values = super().clean() or {}
        require_days(self, values, "first", "last")
        return values

    @property
    def period(self) -> Period:
        """What was asked for."""
        return Period(self.cleaned_data["first"], self.cleaned_data["last"])
