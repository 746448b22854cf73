"""Callbacks over HTTP. They are no part of the partner API: providers call them, not merchants."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from openplatform.connectors.api.authentication import CallbackAuthentication, provider_of
from openplatform.connectors.services.pushes import receive_push
from openplatform.core import clock
from openplatform.core.api.filters import require_known_parameters


class ReceiveTrackingView(APIView):
    """A provider tells of parcels without being asked."""

    authentication_classes = [CallbackAuthentication]
    permission_classes = []
    http_method_names = ["post"]

    @extend_schema(exclude=True)
    def post(self, request: Request, provider: str) -> Response:
        """Write down what is new of the parcels that are known here."""
        require_known_parameters(request)
        recorded = receive_push(provider=provider_of(request), value=request.data, now=clock.now())
        return Response({"recorded": recorded})
