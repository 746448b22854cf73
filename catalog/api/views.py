"""The catalogue over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api.filters import SkuFilter, read_quantity, read_region
from catalog.api.serializers import (
    CategoriesSerializer,
    CategorySerializer,
    DetailsSerializer,
    ImagesSerializer,
    PricesSerializer,
    ShelfStatesSerializer,
    SkuListSerializer,
    SkuSerializer,
    StockAnswerSerializer,
    StockAnswersSerializer,
    StockChecksRequest,
)
from catalog.models import Sku
from catalog.selectors import categories, details, skus, stock_answers
from catalog.selectors.prices import get_prices
from openplatform.core import clock
from openplatform.core.api.caller import caller_of
from openplatform.core.api.fields import MAX_QUANTITY, read_body
from openplatform.core.api.filters import read_codes, read_filters, require_known_parameters
from openplatform.core.api.pagination import PAGE_PARAMETERS, Page, page_body, read_page
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.errors import CursorInvalid
from openplatform.core.horizon import get_as_of
from openplatform.core.scopes import Scope

STOCK_CHECKS = StockChecksRequest()
SKU_CODES = OpenApiParameter(
    "sku", str, required=True, description="Up to 100 codes, separated by commas"
)


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
            OpenApiParameter("q", str, description="A part of name, code or barcode"),
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


class GetSkuView(PartnerAPIView):
    """One SKU."""

    operation = "get_sku"
    required_scope = Scope.CATALOG_READ

    @extend_schema(responses=SkuSerializer)
    def get(self, request: Request, sku: str) -> Response:
        """All that is told of it."""
        require_known_parameters(request)
        return Response(details.get_sku(partner_id=caller_of(request).partner_id, code=sku))


class ListDetailsView(PartnerAPIView):
    """Details of several SKUs."""

    operation = "list_details"
    required_scope = Scope.CATALOG_READ

    @extend_schema(parameters=[SKU_CODES], responses=DetailsSerializer)
    def get(self, request: Request) -> Response:
        """An entry a code, in the order asked for."""
        return _batch(request, details.get_details)


class ListImagesView(PartnerAPIView):
    """Pictures of several SKUs."""

    operation = "list_images"
    required_scope = Scope.CATALOG_READ

    @extend_schema(parameters=[SKU_CODES], responses=ImagesSerializer)
    def get(self, request: Request) -> Response:
        """An entry a code, in the order asked for."""
        return _batch(request, details.get_images)


class ListShelfStatesView(PartnerAPIView):
    """Shelf states of several SKUs."""

    operation = "list_shelf_states"
    required_scope = Scope.CATALOG_READ

    @extend_schema(parameters=[SKU_CODES], responses=ShelfStatesSerializer)
    def get(self, request: Request) -> Response:
        """An entry a code, in the order asked for."""
        return _batch(request, skus.get_shelf_states)


class ListPricesView(PartnerAPIView):
    """Prices of several SKUs."""

    operation = "list_prices"
    required_scope = Scope.CATALOG_READ

    @extend_schema(parameters=[SKU_CODES], responses=PricesSerializer)
    def get(self, request: Request) -> Response:
        """An entry a code, in the order asked for."""
        return _batch(request, get_prices)


def _batch(request: Request, selector: Callable[..., list[dict[str, Any]]]) -> Response:
    codes = read_codes(request, "sku")
    return Response({"results": selector(partner_id=caller_of(request).partner_id, codes=codes)})


class ListCategoriesView(PartnerAPIView):
    """Categories in use in the caller's pools."""

    operation = "list_categories"
    required_scope = Scope.CATALOG_READ

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "code", str, description="Up to 100 codes, separated by commas; left out: all"
            )
        ],
        responses=CategoriesSerializer,
    )
    def get(self, request: Request) -> Response:
        """An entry a code, in the order asked for; or all, parents before their children."""
        asked = read_codes(request, "code") if request.query_params else None
        found = categories.get_categories(partner_id=caller_of(request).partner_id, codes=asked)
        return Response({"results": found})


class GetCategoryView(PartnerAPIView):
    """One category in use in the caller's pools."""

    operation = "get_category"
    required_scope = Scope.CATALOG_READ

    @extend_schema(responses=CategorySerializer)
    def get(self, request: Request, code: str) -> Response:
        """With the way to it from the root."""
        require_known_parameters(request)
        return Response(
            categories.get_category(partner_id=caller_of(request).partner_id, code=code)
        )


class GetStockView(PartnerAPIView):
    """Whether a quantity of a SKU can be delivered."""

    operation = "get_stock"
    required_scope = Scope.CATALOG_READ

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "quantity",
                {"type": "integer", "minimum": 1, "maximum": MAX_QUANTITY, "default": 1},
            ),
            OpenApiParameter("region", str, description="Code of any level; left out: anywhere"),
        ],
        responses=StockAnswerSerializer,
    )
    def get(self, request: Request, sku: str) -> Response:
        """Yes, or no and why; a region that is served in part is served."""
        require_known_parameters(request, "quantity", "region")
        question = stock_answers.StockQuestion(sku, read_quantity(request))
        return Response(
            stock_answers.get_stock_answer(
                partner_id=caller_of(request).partner_id,
                question=question,
                region=read_region(request),
                region_pointer="?region",
            )
        )


class CheckStockView(PartnerAPIView):
    """Whether several quantities can be delivered."""

    operation = "check_stock"
    required_scope = Scope.CATALOG_READ

    @extend_schema(request=StockChecksRequest, responses=StockAnswersSerializer)
    def post(self, request: Request) -> Response:
        """An entry an item, in the order asked for, each answered for itself."""
        body = read_body(STOCK_CHECKS, request.data)
        answers = stock_answers.get_stock_answers(
            partner_id=caller_of(request).partner_id,
            questions=[
                stock_answers.StockQuestion(item["sku"], item["quantity"]) for item in body["items"]
            ],
            region=body.get("region"),
            region_pointer="/region",
        )
        return Response({"results": answers})
