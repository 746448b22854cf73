"""Moments as people enter them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSplitDateTimeWidget

from openplatform.imports.parsers import YEARS


class MomentField(forms.SplitDateTimeField):
    """A day and a time of day in the platform's zone, within the years that files may name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=UnfoldAdminSplitDateTimeWidget(), **kwargs)

    def clean(self, value: Any) -> datetime | None:
        """:raises ValidationError: for a year that is a slip of the finger."""
        moment: datetime | None = super().clean(value)
        if moment is not None and moment.year not in YEARS:
            raise forms.ValidationError(_("There is no such time"))
        return moment
