"""Endpoints that misbehave in known ways, and one that answers what it was sent."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from openplatform.core.api.views import PartnerAPIView
from openplatform.core.errors import InternalError, NotFound, Refusal


class EchoView(PartnerAPIView):
    """Answers with the body."""

    operation = "echo"
    required_scope = None

    def post(self, request: Request) -> Response:
        """The parsed body again."""
        return Response({"body": request.data})


class FailingView(PartnerAPIView):
    """Fails as the path says."""

    operation = "fail"
    required_scope = None

    def get(self, request: Request, way: str) -> Response:
        """Raise something."""
        raise {
            "bug": RuntimeError("op_SECRETSECRET is in this text"),
            "database": OperationalError("the server closed the connection"),
            "domain": NotFound(pointer="/sku", sku="A"),
            "several": Refusal([NotFound(pointer="/a"), InternalError(pointer="/b", why=1)]),
        }[way]


def plain_failure(request: HttpRequest) -> HttpResponse:
    """A Django view with a bug."""
    raise RuntimeError("plain")


def plain_refusal(request: HttpRequest) -> HttpResponse:
    """A Django view that refuses in Django's way."""
    raise PermissionDenied


def plain_page(request: HttpRequest) -> HttpResponse:
    """A Django view that answers an error in HTML."""
    return HttpResponse("<h1>I am a teapot</h1>", status=418)


urlpatterns = [
    path("api/v1/echo", EchoView.as_view(), name="echo"),
    path("api/v1/fail/<str:way>", FailingView.as_view(), name="fail"),
    path("api/v1/plain-failure", plain_failure),
    path("api/v1/plain-refusal", plain_refusal),
    path("api/v1/plain-page", plain_page),
    path("page", plain_page),
    path("failing-page", plain_failure),
]
