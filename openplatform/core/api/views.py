"""The base of every partner endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.urls import URLPattern, path
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from openplatform.core.api import limiting
from openplatform.core.api.caller import Caller
from openplatform.core.api.chunked import read_chunked_body
from openplatform.core.api.last_checks import run_body_check, run_last_check
from openplatform.core.api.parsers import UploadParser

if TYPE_CHECKING:
    from openplatform.core.scopes import Scope


class PartnerAPIView(APIView):
    """One operation: a view names it, as its URL does, and the one scope that opens it."""

    operation: ClassVar[str]
    required_scope: ClassVar[Scope | None]
    # No OPTIONS: it is refused, so ``Allow`` must not offer it.
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]
    format_kwarg = None  # of negotiation, which DRF sets when it looks for a suffix
    admitted: Caller | None = None  # who calls, once within its limits

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse callers who may not call; only then is the body read."""
        # DRF's own, less what we have none of: suffixes, versions and its throttles.
        negotiated = self.perform_content_negotiation(request)
        request.accepted_renderer, request.accepted_media_type = negotiated
        self.perform_authentication(request)
        self.check_permissions(request)
        run_last_check(request._request)
        takes_uploads = any(issubclass(parser, UploadParser) for parser in self.parser_classes)
        read_chunked_body(request._request, takes_uploads=takes_uploads)
        run_body_check(request._request)

    def perform_authentication(self, request: Request) -> None:
        """Refuse callers who are not known, and those who call too often, whatever they may do."""
        super().perform_authentication(request)
        if isinstance(request.auth, Caller):
            limiting.admit(request.auth, is_lookup=bool(self.kwargs), headers=self.headers)
            self.admitted = request.auth

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """The answer, with what it says of the limits; a look-up that found nothing is counted."""
        if response.status_code == status.HTTP_404_NOT_FOUND and kwargs and self.admitted:
            limiting.note_missing(self.admitted)
        request._request.operation = self.operation  # type: ignore[attr-defined] # what is measured
        return super().finalize_response(request, response, *args, **kwargs)


def routes(route: str, **views: type[PartnerAPIView]) -> list[URLPattern]:
    """The URL patterns of a route on which each method is an operation of its own.

    ``routes("orders", get=ListOrdersView, post=PlaceOrderView)`` answers both under one path and
    gives that path both names.
    """
    handlers: dict[str, Any] = {method: getattr(view, method) for method, view in views.items()}
    by_method = {method.upper(): view for method, view in views.items()}

    def of_method(name: str) -> property:
        # OPTIONS and methods that are not allowed fall to the first view, which refuses them.
        first = next(iter(views.values()))
        # So does the document's generator, which asks before there is a request.
        return property(
            lambda self: getattr(by_method.get(getattr(self.request, "method", ""), first), name)
        )

    combined: Any = type(
        "And".join(view.__name__ for view in views.values()),
        (PartnerAPIView,),
        {
            **handlers,
            "by_method": by_method,
            "operation": of_method("operation"),
            "required_scope": of_method("required_scope"),
            "parser_classes": of_method("parser_classes"),
        },
    )
    return [
        path(route, combined.as_view(), name=view.operation.replace("_", "-"))
        for view in views.values()
    ]
