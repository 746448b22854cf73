"""Lists of orders over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from openplatform.core import clock
from openplatform.core.api.caller import caller_of
from openplatform.core.api.filters import read_filters
from openplatform.core.api.pagination import (
    PAGE_PARAMETERS,
    Page,
    number_after,
    page_body,
    read_page,
)
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.errors import CursorInvalid
from openplatform.core.horizon import get_as_of
from openplatform.core.scopes import Scope
from orders.api.filters import OrderFilter
from orders.api.serializers import (
    OrderListSerializer,
)
from orders.selectors import orders as selectors
from orders.selectors.lists import OrderQuery, page_by_placement, page_by_update


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
        asked = {name: value or None for name, value in read_filters(OrderFilter, request).items()}
        updated_after = asked.pop("updated_after")
        query = OrderQuery(partner_id=caller_of(request).partner_id, **asked)
        if updated_after is not None:
            return Response(_by_update(request, query, updated_after))
        return Response(_by_placement(request, query))


def _by_placement(request: Request, query: OrderQuery) -> dict[str, Any]:
    page = read_page(request, order="placement")
    rows = page_by_placement(query, before=number_after(page), limit=page.limit + 1)
    documents = selectors.get_list_documents([row.order_no for row in rows[: page.limit]])
    return page_body(
        request,
        page,
        rows,
        position=lambda row: [row.hold_no],
        show=lambda row: documents[row.order_no],
    )


def _by_update(request: Request, query: OrderQuery, since: datetime) -> dict[str, Any]:
    as_of = get_as_of()  # before the rows are read: what commits in between is told again
    page = read_page(request, order="update")
    rows = page_by_update(query, after=_update_position(page) or (since, 0), limit=page.limit + 1)
    documents = selectors.get_list_documents([row.order_no for row in rows[: page.limit]])
    body = page_body(
        request,
        page,
        rows,
        position=lambda row: [row.updated_at.isoformat(), row.order_id],
        show=lambda row: documents[row.order_no],
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
