"""One representation, JSON; a caller that accepts none of it is told so, in JSON all the same."""

from __future__ import annotations

from collections.abc import Iterable

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from openplatform.core.errors import NotAcceptable


class JSONNegotiation(BaseContentNegotiation):
    """Takes the first renderer if ``Accept`` is absent or covers its media type."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """The parser whose media type is the request's, without looking at its parameters."""
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """:raises NotAcceptable: when ``Accept`` leaves our media type out."""
        renderer = next(iter(renderers))
        accept = request.META.get("HTTP_ACCEPT", "")
        if accept and accept != "*/*" and not _covers(accept, renderer.media_type):
            raise NotAcceptable
        return renderer, renderer.media_type


def _covers(accept: str, media_type: str) -> bool:
    family = media_type.partition("/")[0]
    wanted = {"*/*", f"{family}/*", media_type, "application/problem+json"}
    return any(part.partition(";")[0].strip().lower() in wanted for part in accept.split(","))
