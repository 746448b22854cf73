"""Parcels over HTTP."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from openplatform.core import clock
from openplatform.core.api.caller import actor_of, caller_of
from openplatform.core.api.fields import EmptyRequest, read_body
from openplatform.core.api.filters import require_known_parameters
from openplatform.core.api.permissions import ANY_KEY
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope
from openplatform.idempotency.api.headers import (
    IDEMPOTENCY_KEY,
    answer_response,
    read_replay_key,
)
from orders.api.serializers import (
    CarriersSerializer,
    ChildOrderSerializer,
    OrderSerializer,
    ShipmentsSerializer,
)
from orders.selectors import orders as selectors
from orders.services.receipt import receive_order

EMPTY = EmptyRequest()


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


class ReceiveOrderView(PartnerAPIView):
    """Receipt."""

    operation = "receive_order"
    required_scope = Scope.ORDERS_WRITE

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses=PolymorphicProxySerializer(
            component_name="OrderOrChildOrder",
            serializers=[OrderSerializer, ChildOrderSerializer],
            resource_type_field_name=None,
        ),
    )
    def post(self, request: Request, order_no: str) -> HttpResponse:
        """Report that a suborder was received; by a parent's number, all that were shipped."""
        require_known_parameters(request)
        read_body(EMPTY, request.data)
        answer = receive_order(
            partner_id=caller_of(request).partner_id,
            order_no=order_no,
            actor=actor_of(request),
            now=clock.now(),
            replay=read_replay_key(request, {}),
        )
        return answer_response(answer)


class ListCarriersView(PartnerAPIView):
    """Carriers."""

    operation = "list_carriers"
    required_scope = ANY_KEY

    @extend_schema(responses=CarriersSerializer)
    def get(self, request: Request) -> Response:
        """All carriers in use."""
        require_known_parameters(request)
        return Response({"results": list(selectors.list_carriers().values("code", "name"))})
