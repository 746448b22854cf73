"""Orders over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from django.http import HttpResponse
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from openplatform.core import clock
from openplatform.core.api.caller import actor_of, caller_of
from openplatform.core.api.fields import EmptyRequest, read_body
from openplatform.core.api.filters import require_known_parameters
from openplatform.core.api.last_checks import has_body
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope
from openplatform.idempotency.api.headers import (
    IDEMPOTENCY_KEY,
    answer_response,
    read_replay_key,
)
from openplatform.idempotency.services.replay import Answer, ReplayKey
from orders.api.requests import PlaceOrderRequest, as_order_request
from orders.api.serializers import (
    ChildOrderSerializer,
    OrderSerializer,
)
from orders.selectors import orders as selectors
from orders.services.cancellation import cancel_order
from orders.services.confirmation import confirm_order
from orders.services.placement import place_order

PLACE_ORDER = PlaceOrderRequest()
EMPTY = EmptyRequest()


class PlaceOrderView(PartnerAPIView):
    """A new order."""

    operation = "place_order"
    required_scope = Scope.ORDERS_WRITE

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=PlaceOrderRequest,
        responses={201: OrderSerializer, 200: OrderSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        """Lock stock, hold the amount, freeze the prices."""
        require_known_parameters(request)
        body = read_body(PLACE_ORDER, request.data)
        answer = place_order(
            partner_id=caller_of(request).partner_id,
            request=as_order_request(body),
            now=clock.now(),
            replay=read_replay_key(request, request.data),
        )
        return answer_response(answer)


class GetOrderView(PartnerAPIView):
    """One order."""

    operation = "get_order"
    required_scope = Scope.ORDERS_READ

    @extend_schema(
        responses=PolymorphicProxySerializer(
            component_name="OrderOrChildOrder",
            serializers=[OrderSerializer, ChildOrderSerializer],
            resource_type_field_name=None,
        )
    )
    def get(self, request: Request, order_no: str) -> Response:
        """By the parent's number the whole order; by a child's its own part."""
        require_known_parameters(request)
        return Response(
            selectors.get_order_document(
                partner_id=caller_of(request).partner_id, order_no=order_no
            )
        )


class _Action(Protocol):
    def __call__(
        self,
        *,
        partner_id: int,
        order_no: str,
        actor: str,
        now: datetime,
        replay: ReplayKey | None,
    ) -> Answer: ...


def _act(service: _Action, request: Request, order_no: str) -> HttpResponse:
    """An action on an order: no body, an Idempotency-Key if the caller likes."""
    require_known_parameters(request)
    if has_body(request._request):
        read_body(EMPTY, request.data)
    answer = service(
        partner_id=caller_of(request).partner_id,
        order_no=order_no,
        actor=actor_of(request),
        now=clock.now(),
        replay=read_replay_key(request, {}),
    )
    return answer_response(answer)


class ConfirmOrderView(PartnerAPIView):
    """Payment."""

    operation = "confirm_order"
    required_scope = Scope.ORDERS_WRITE

    @extend_schema(parameters=[IDEMPOTENCY_KEY], request=None, responses=OrderSerializer)
    def post(self, request: Request, order_no: str) -> HttpResponse:
        """Turn the hold into a payment and deduct the locked stock, once."""
        return _act(confirm_order, request, order_no)


class CancelOrderView(PartnerAPIView):
    """Cancellation before payment."""

    operation = "cancel_order"
    required_scope = Scope.ORDERS_WRITE

    @extend_schema(parameters=[IDEMPOTENCY_KEY], request=None, responses=OrderSerializer)
    def post(self, request: Request, order_no: str) -> HttpResponse:
        """Free stock and hold."""
        return _act(cancel_order, request, order_no)
