"""Parcels over HTTP."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from openplatform.core.api.caller import caller_of
from openplatform.core.api.filters import require_known_parameters
from openplatform.core.api.permissions import ANY_KEY
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope
from orders.api.serializers import (
    CarriersSerializer,
    ShipmentsSerializer,
)
from orders.selectors import orders as selectors


class ListShipmentsView(PartnerAPIView):
    """Parcels."""

    operation = "list_shipments"
    required_scope = Scope.ORDERS_READ

    @extend_schema(responses=ShipmentsSerializer)
    def get(self, request: Request, order_no: str) -> Response:
        """The parcels of each suborder."""
        require_known_parameters(request)
        return Response(
            selectors.get_shipments_document(
                partner_id=caller_of(request).partner_id, order_no=order_no
            )
        )


class ListCarriersView(PartnerAPIView):
    """Carriers."""

    operation = "list_carriers"
    required_scope = ANY_KEY

    @extend_schema(responses=CarriersSerializer)
    def get(self, request: Request) -> Response:
        """All carriers in use."""
        require_known_parameters(request)
        return Response({"results": list(selectors.list_carriers().values("code", "name"))})
