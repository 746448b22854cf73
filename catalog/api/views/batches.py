"""Reads of up to 100 codes at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from openplatform.core.api.caller import caller_of
from openplatform.core.api.filters import read_codes

SKU_CODES = OpenApiParameter(
    "sku", str, required=True, description="Up to 100 codes, separated by commas"
)


def answer_batch(request: Request, selector: Callable[..., list[dict[str, Any]]]) -> Response:
    """What the selector answers for the SKUs asked about: an entry a code, in their order."""
    codes = read_codes(request, "sku")
    return Response({"results": selector(partner_id=caller_of(request).partner_id, codes=codes)})
