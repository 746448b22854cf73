"""The base of every partner endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.urls import URLPattern, path
from rest_framework.request import Request
from rest_framework.views import APIView

from openplatform.core.api.chunked import read_chunked_body

if TYPE_CHECKING:
    from openplatform.core.scopes import Scope


class PartnerAPIView(APIView):
    """One operation: a view names it, as its URL does, and the one scope that opens it."""

    operation: ClassVar[str]
    required_scope: ClassVar[Scope | None]
    # No OPTIONS: it is refused, so ``Allow`` must not offer it.
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse callers who may not call; only then is the body read."""
        super().initial(request, *args, **kwargs)
        read_chunked_body(request._request)


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
        return property(lambda self: getattr(by_method.get(self.request.method, first), name))

    combined: Any = type(
        "And".join(view.__name__ for view in views.values()),
        (PartnerAPIView,),
        {
            **handlers,
            "by_method": by_method,
            "operation": of_method("operation"),
            "required_scope": of_method("required_scope"),
        },
    )
    return [
        path(route, combined.as_view(), name=view.operation.replace("_", "-"))
        for view in views.values()
    ]
