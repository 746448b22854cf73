"""Moments that people fill in."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from openplatform.core.clock import YEARS


def require_year(moment: datetime) -> None:
    """Of a form's field for a moment.

    :raises ValidationError: for a slip of the pen, as year 1 or 20260.
    """
    if moment.year not in YEARS:
        raise ValidationError(_("There is no such time"))
