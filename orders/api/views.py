"""Orders over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from openplatform.core import clock
from openplatform.core.api.caller import actor_of, caller_of
from openplatform.core.api.fields import EmptyRequest, read_body
from openplatform.core.api.filters import filter_queryset, require_known_parameters
from openplatform.core.api.pagination import PAGE_PARAMETERS, Page, page_body, read_page
from openplatform.core.api.permissions import ANY_KEY
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.errors import CursorInvalid
from openplatform.core.horizon import get_as_of
from openplatform.core.scopes import Scope
from openplatform.idempotency.api.headers import (
    IDEMPOTENCY_KEY,
    answer_response,
    read_replay_key,
)
from openplatform.idempotency.services.replay import Answer, ReplayKey
from orders.api.filters import OrderFilter
from orders.api.serializers import (
    CarriersSerializer,
    ChildOrderSerializer,
    OrderListSerializer,
    OrderSerializer,
    PlaceOrderRequest,
    ShipmentsSerializer,
    as_order_request,
)
from orders.models import Order
from orders.selectors import orders as selectors
from orders.services.cancellation import cancel_order
from orders.services.confirmation import confirm_order
from orders.services.placement import place_order

PLACE_ORDER = PlaceOrderRequest()
EMPTY = EmptyRequest()


class ListOrdersView(PartnerAPIView):
    """Orders of the caller."""

    operation = "list_orders"
    required_scope = Scope.ORDERS_READ

    @extend_schema(
        parameters=[
            OpenApiParameter("created_after", datetime),
            OpenApiParameter("created_before", datetime),
            OpenApiParameter(
                "updated_after", datetime, description="Lists by update, and answers `as_of`"
            ),
            OpenApiParameter("status", str),
            OpenApiParameter("merchant_order_no", str),
            *PAGE_PARAMETERS,
        ],
        responses=OrderListSerializer,
    )
    def get(self, request: Request) -> Response:
        """The newest first; with ``updated_after`` the least recently updated first."""
        own = selectors.list_orders(partner_id=caller_of(request).partner_id)
        orders = filter_queryset(OrderFilter, request, own)
        if "updated_after" in request.query_params:
            return Response(_by_update(request, orders))
        return Response(_by_placement(request, orders))


class PlaceOrderView(PartnerAPIView):
    """A new order."""

    operation = "place_order"
    required_scope = Scope.ORDERS_WRITE

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=PlaceOrderRequest,
        responses={201: OrderSerializer, 200: OrderSerializer},
    )
    def post(self, request: Request) -> Response:
        """Lock stock, hold the amount, freeze the prices."""
        body = read_body(PLACE_ORDER, request.data)
        answer = place_order(
            partner_id=caller_of(request).partner_id,
            request=as_order_request(body),
            now=clock.now(),
            replay=read_replay_key(request, request.data),
        )
        return answer_response(answer)


def _by_placement(request: Request, orders: QuerySet[Order]) -> dict[str, Any]:
    page = read_page(request, order="placement")
    rows = selectors.page_by_placement(
        partner_id=caller_of(request).partner_id,
        orders=orders,
        before=None if page.after is None else _integer(page.after[0]),
        limit=page.limit + 1,
    )
    documents = selectors.get_list_documents([order_no for _, order_no in rows[: page.limit]])
    return page_body(
        request,
        page,
        rows,
        position=lambda row: [row[0]],
        show=lambda row: documents[row[1]],
    )


def _by_update(request: Request, orders: QuerySet[Order]) -> dict[str, Any]:
    as_of = get_as_of()  # before the rows are read: what commits in between is told again
    page = read_page(request, order="update")
    rows = selectors.page_by_update(
        orders=orders, after=_update_position(page), limit=page.limit + 1
    )
    documents = selectors.get_list_documents([order.order_no for order in rows[: page.limit]])
    body = page_body(
        request,
        page,
        rows,
        position=lambda order: [order.updated_at.isoformat(), order.pk],
        show=lambda order: documents[order.order_no],
    )
    return {**body, "as_of": clock.to_text(as_of)}


def _update_position(page: Page) -> tuple[datetime, int] | None:
    if page.after is None:
        return None
    try:
        updated_at, order_id = page.after
        return datetime.fromisoformat(updated_at), _integer(order_id)
    except (TypeError, ValueError) as error:
        raise CursorInvalid from error


def _integer(value: Any) -> int:
    if not isinstance(value, int):
        raise CursorInvalid
    return value


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


def _act(service: _Action, request: Request, order_no: str) -> Response:
    """An action on an order: no body, an Idempotency-Key if the caller likes."""
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
    def post(self, request: Request, order_no: str) -> Response:
        """Turn the hold into a payment and deduct the locked stock, once."""
        return _act(confirm_order, request, order_no)


class CancelOrderView(PartnerAPIView):
    """Cancellation before payment."""

    operation = "cancel_order"
    required_scope = Scope.ORDERS_WRITE

    @extend_schema(parameters=[IDEMPOTENCY_KEY], request=None, responses=OrderSerializer)
    def post(self, request: Request, order_no: str) -> Response:
        """Free stock and hold."""
        return _act(cancel_order, request, order_no)


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
