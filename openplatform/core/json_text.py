"""JSON out, for answers and messages alike."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
from django.utils.functional import Promise

from openplatform.core import money


def to_json(value: Any) -> bytes:
    """UTF-8 JSON; amounts become strings with two decimals."""
    return orjson.dumps(value, default=_default, option=orjson.OPT_NON_STR_KEYS)


def _default(value: Any) -> str:
    if isinstance(value, Decimal):
        return money.to_text(value)
    if isinstance(value, Promise):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
