"""Lists of orders over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from openplatform.core import clock
from openplatform.core.api.caller import caller_of
from openplatform.core.api.filters import filter_queryset
from openplatform.core.api.pagination import PAGE_PARAMETERS, Page, page_body, read_page
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.errors import CursorInvalid
from openplatform.core.horizon import get_as_of
from openplatform.core.scopes import Scope
from orders.api.filters import OrderFilter
from orders.api.serializers import (
    OrderListSerializer,
)
from orders.models import Order
from orders.selectors import orders as selectors


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
