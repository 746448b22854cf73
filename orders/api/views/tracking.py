"""Where parcels are, over HTTP."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from openplatform.core.api.caller import caller_of
from openplatform.core.api.filters import require_known_parameters
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.errors import FieldInvalid
from openplatform.core.scopes import Scope
from openplatform.core.visible_text import CODE
from orders.api.tracking_serializers import TrackingSerializer
from orders.selectors.tracking import get_tracking_document


class GetTrackingView(PartnerAPIView):
    """Where a parcel is."""

    operation = "get_tracking"
    required_scope = Scope.ORDERS_READ

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "carrier",
                str,
                description="Code of the carrier; needed when several carriers use the number",
            )
        ],
        responses=TrackingSerializer,
    )
    def get(self, request: Request, number: str) -> Response:
        """What is known of a parcel, by waybill or shipment number; events in their order.

        It is what was heard last, at `as_of`. While `is_stale` is true, more may be known by now:
        the provider is asked in the background, so ask again in some seconds.
        """
        require_known_parameters(request, "carrier")
        carrier_code = request.query_params.get("carrier")
        if carrier_code is not None and not CODE.fullmatch(carrier_code):
            raise FieldInvalid(pointer="?carrier")
        return Response(
            get_tracking_document(
                partner_id=caller_of(request).partner_id,
                number=number,
                carrier_code=carrier_code,
            )
        )
