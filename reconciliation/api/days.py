"""Dates as the contract writes them."""

from __future__ import annotations

import re
from datetime import date

from openplatform.core.clock import YEARS

DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def read_day(text: str) -> date | None:
    """The day of ``YYYY-MM-DD`` from the year 2000 on; None for any other text."""
    day = read_any_day(text)
    return day if day is not None and day.year in YEARS else None


def read_any_day(text: str) -> date | None:
    """The day of ``YYYY-MM-DD``; None for any other text.

    Python reads weeks and digits of any script, too; the contract is narrower.
    """
    if not DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
