"""What SKUs are: details, pictures, shelf states and categories."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api.serializers import (
    CategoriesSerializer,
    CategorySerializer,
    DetailsSerializer,
    ImagesSerializer,
    ShelfStatesSerializer,
    SkuSerializer,
)
from catalog.api.views.batches import SKU_CODES, answer_batch
from catalog.selectors import categories, details, skus
from openplatform.core.api.caller import caller_of
from openplatform.core.api.filters import read_codes, require_known_parameters
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope


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
        return answer_batch(request, details.get_details)


class ListImagesView(PartnerAPIView):
    """Pictures of several SKUs."""

    operation = "list_images"
    required_scope = Scope.CATALOG_READ

    @extend_schema(parameters=[SKU_CODES], responses=ImagesSerializer)
    def get(self, request: Request) -> Response:
        """An entry a code, in the order asked for."""
        return answer_batch(request, details.get_images)


class ListShelfStatesView(PartnerAPIView):
    """Shelf states of several SKUs."""

    operation = "list_shelf_states"
    required_scope = Scope.CATALOG_READ

    @extend_schema(parameters=[SKU_CODES], responses=ShelfStatesSerializer)
    def get(self, request: Request) -> Response:
        """An entry a code, in the order asked for."""
        return answer_batch(request, skus.get_shelf_states)


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
