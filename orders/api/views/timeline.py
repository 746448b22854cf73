"""The money of an order over HTTP."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from openplatform.core.api.caller import caller_of
from openplatform.core.api.filters import require_known_parameters
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope
from orders.api.serializers import TimelineSerializer
from orders.selectors.timeline import get_timeline_document


class GetOrderTimelineView(PartnerAPIView):
    """Money of an order and each of its lines, in order."""

    operation = "get_order_timeline"
    required_scope = Scope.ORDERS_READ

    @extend_schema(responses=TimelineSerializer)
    def get(self, request: Request, order_no: str) -> Response:
        """Held, released, paid, split and refunded, adding up to the cent: the shares of an entry
        to its amount, the entries to what stands above them and at each line. By a child's number
        its own share of it.
        """
        require_known_parameters(request)
        return Response(
            get_timeline_document(partner_id=caller_of(request).partner_id, order_no=order_no)
        )
