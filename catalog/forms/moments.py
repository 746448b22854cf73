"""Moments as people enter them."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSplitDateTimeWidget

from openplatform.core.admin.moments import require_year


class MomentField(forms.SplitDateTimeField):
    """A day and a time of day in the platform's zone, in a year that is no slip of the pen."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            widget=UnfoldAdminSplitDateTimeWidget(), validators=[require_year], **kwargs
        )
