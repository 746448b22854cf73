"""The pull feed."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from openplatform.core.api.caller import caller_of
from openplatform.core.api.filters import require_known_parameters
from openplatform.core.api.pagination import read_limit
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.errors import FieldInvalid
from openplatform.core.scopes import Scope
from openplatform.messaging.api.serializers import FeedSerializer
from openplatform.messaging.selectors import get_feed
from openplatform.messaging.types import TYPES

MAX_SEQUENCE_DIGITS = 18
MAX_ECHO = 64  # characters of an unknown type that are sent back, and how many such types
MAX_TOLD = 10


class ListMessagesView(PartnerAPIView):
    """The caller's messages after a sequence, oldest first."""

    operation = "list_messages"
    required_scope = Scope.MESSAGES_READ

    @extend_schema(
        parameters=[
            OpenApiParameter("after", int, description="A sequence; messages behind it come"),
            OpenApiParameter("type", str, description="Types, separated by commas"),
            OpenApiParameter("limit", int, description="1 to 100, 50 unless told"),
        ],
        responses=FeedSerializer,
    )
    def get(self, request: Request) -> Response:
        require_known_parameters(request, "after", "type", "limit")
        feed = get_feed(
            partner_id=caller_of(request).partner_id,
            after=_read_after(request),
            types=_read_types(request),
            limit=read_limit(request),
        )
        return Response(feed)


def _read_after(request: Request) -> int | None:
    text = request.query_params.get("after")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_SEQUENCE_DIGITS):
        raise FieldInvalid(pointer="?after")
    return int(text)


def _read_types(request: Request) -> list[str]:
    types = [name for name in request.query_params.get("type", "").split(",") if name]
    if unknown := sorted(set(types) - set(TYPES)):
        raise FieldInvalid(
            pointer="?type", unknown=[name[:MAX_ECHO] for name in unknown[:MAX_TOLD]]
        )
    return types
