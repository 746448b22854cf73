"""Whether SKUs can be delivered."""

from __future__ import annotations

from django.utils import translation
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api.filters import read_quantity, read_region
from catalog.api.serializers import (
    AvailabilitiesSerializer,
    StockAnswerSerializer,
    StockAnswersSerializer,
    StockChecksRequest,
)
from catalog.selectors import stock_answers, why_not
from openplatform.core.api.caller import caller_of
from openplatform.core.api.fields import MAX_QUANTITY, read_body
from openplatform.core.api.filters import require_known_parameters
from openplatform.core.api.problems import language_of
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope

STOCK_CHECKS = StockChecksRequest()


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
        require_known_parameters(request)
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


class CheckAvailabilityView(PartnerAPIView):
    """Why lines cannot be ordered now."""

    operation = "check_availability"
    required_scope = Scope.CATALOG_READ

    @extend_schema(request=StockChecksRequest, responses=AvailabilitiesSerializer)
    def post(self, request: Request) -> Response:
        """An entry an item, in the order asked for: every reason at once, and what would fix it."""
        require_known_parameters(request)
        body = read_body(STOCK_CHECKS, request.data)
        with translation.override(language_of(request._request)):
            answers = why_not.get_availability(
                partner_id=caller_of(request).partner_id,
                questions=[
                    stock_answers.StockQuestion(item["sku"], item["quantity"])
                    for item in body["items"]
                ],
                region=body.get("region"),
                region_pointer="/region",
            )
        return Response({"results": answers})
