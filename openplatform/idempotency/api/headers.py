"""``Idempotency-Key`` in, ``Idempotent-Replayed`` out."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from openplatform.core.api.caller import caller_of
from openplatform.core.api.renderers import JSONRenderer
from openplatform.core.errors import FieldInvalid
from openplatform.idempotency.services.replay import Answer, ReplayKey, fingerprint_of

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="1 to 128 visible ASCII characters, kept 30 days; a repeat gives the first answer",
)
JSON = JSONRenderer.media_type
VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,128}")


def read_replay_key(request: Request, body: Any) -> ReplayKey | None:
    """The key under which this write may be repeated; None without the header.

    :raises FieldInvalid: unless it is 1 to 128 visible ASCII characters.
    """
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if not VISIBLE_ASCII.fullmatch(key):
        raise FieldInvalid(pointer="Idempotency-Key")
    return ReplayKey(
        partner_id=caller_of(request).partner_id,
        method=request.method or "",
        path=request.path,
        key=key,
        fingerprint=fingerprint_of(body),
    )


def answer_response(answer: Answer) -> HttpResponse:
    """The answer over HTTP: JSON already made, which nothing is left to be rendered of."""
    response = HttpResponse(answer.body, status=answer.status, content_type=JSON)
    if answer.is_replay:
        response["Idempotent-Replayed"] = "true"
    return response
