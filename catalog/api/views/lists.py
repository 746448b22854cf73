"""The list of SKUs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api.filters import SkuFilter
from catalog.api.serializers import SkuListSerializer
from catalog.models import Sku
from catalog.selectors import skus
from openplatform.core import clock
from openplatform.core.api.caller import caller_of
from openplatform.core.api.filters import read_filters
from openplatform.core.api.pagination import PAGE_PARAMETERS, Page, page_body, read_page
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.errors import CursorInvalid
from openplatform.core.horizon import get_as_of
from openplatform.core.scopes import Scope


class ListSkusView(PartnerAPIView):
    """The SKUs in the caller's pools."""

    operation = "list_skus"
    required_scope = Scope.CATALOG_READ

    @extend_schema(
        parameters=[
            OpenApiParameter("category", str, description="Code; with everything below it"),
            OpenApiParameter("shelf_state", str, enum=Sku.ShelfState.values),
            OpenApiParameter(
                "updated_after", datetime, description="Lists by update, and answers `as_of`"
            ),
            OpenApiParameter(
                "q",
                str,
                description=(
                    "Words, all of which stand in name, code, barcode or brand, or within a word "
                    "there. Capitals and small letters, full-width and half-width ones are the same"
                ),
            ),
            *PAGE_PARAMETERS,
        ],
        responses=SkuListSerializer,
    )
    def get(self, request: Request) -> Response:
        """By code; with ``updated_after`` the least recently updated first."""
        asked = read_filters(SkuFilter, request)
        filters = skus.SkuFilters(
            category=asked["category"], shelf_state=asked["shelf_state"], text=asked["q"]
        )
        if "updated_after" in request.query_params:
            return Response(_by_update(request, filters, since=asked["updated_after"]))
        return Response(_by_code(request, filters))


def _by_code(request: Request, filters: skus.SkuFilters) -> dict[str, Any]:
    page = read_page(request, order="code")
    rows = skus.page_by_code(
        partner_id=caller_of(request).partner_id,
        filters=filters,
        after=None if page.after is None else _text(page.after[0]),
        limit=page.limit + 1,
    )
    return page_body(request, page, rows, position=lambda row: [row.code], show=_row)


def _by_update(
    request: Request, filters: skus.SkuFilters, *, since: datetime | None
) -> dict[str, Any]:
    as_of = get_as_of()  # before the rows are read: what commits in between is told again
    page = read_page(request, order="update")
    rows = skus.page_by_update(
        partner_id=caller_of(request).partner_id,
        filters=filters,
        since=since,
        after=_update_position(page),
        limit=page.limit + 1,
    )
    body = page_body(
        request,
        page,
        rows,
        position=lambda row: [row.updated_at.isoformat(), row.code],
        show=_row,
    )
    return {**body, "as_of": clock.to_text(as_of)}


def _row(row: skus.SkuRow) -> dict[str, Any]:
    return {
        "sku": row.code,
        "shelf_state": row.shelf_state,
        "category": row.category,
        "updated_at": clock.to_text(row.updated_at),
    }


def _update_position(page: Page) -> tuple[datetime, str] | None:
    if page.after is None:
        return None
    try:
        updated_at, code = page.after
        return datetime.fromisoformat(updated_at), _text(code)
    except (TypeError, ValueError) as error:
        raise CursorInvalid from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise CursorInvalid
    return value
