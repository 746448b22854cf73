"""Filters of the back office's templates."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import template

register = template.Library()


@register.filter
def amount(value: Decimal | int | str | None) -> str:
    """``12,345.60``; whole numbers stay whole; nothing is zero; a text is what documents hold."""
    if isinstance(value, str):
        value = Decimal(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value or Decimal(0):,.2f}"


@register.filter
def get(mapping: Mapping[str, Any], key: str) -> Any:
    """The value at a key, or None."""
    return mapping.get(key)
