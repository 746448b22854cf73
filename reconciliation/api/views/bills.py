"""Bills over HTTP."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from openplatform.core.api.caller import caller_of
from openplatform.core.api.filters import require_known_parameters
from openplatform.core.api.pagination import PAGE_PARAMETERS
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope
from reconciliation.api.filters import BillFilter
from reconciliation.api.paging import answer_page
from reconciliation.api.serializers import BillListSerializer, BillSerializer
from reconciliation.documents import bill_document
from reconciliation.selectors import own
from reconciliation.states import BillStatus


class ListBillsView(PartnerAPIView):
    """Bills of the caller."""

    operation = "list_bills"
    required_scope = Scope.STATEMENTS_READ

    @extend_schema(
        parameters=[
            OpenApiParameter("status", str, enum=BillStatus.values),
            *PAGE_PARAMETERS,
        ],
        responses=BillListSerializer,
    )
    def get(self, request: Request) -> Response:
        """What was in use of the credit line when a month ended, the newest first; without a
        credit line there are none.
        """
        rows = own.list_bills(partner_id=caller_of(request).partner_id)
        return answer_page(request, BillFilter, rows, bill_document)


class GetBillView(PartnerAPIView):
    """One bill."""

    operation = "get_bill"
    required_scope = Scope.STATEMENTS_READ

    @extend_schema(responses=BillSerializer)
    def get(self, request: Request, bill_no: str) -> Response:
        """What of it is paid, and until when the rest is to be."""
        require_known_parameters(request)
        bill = own.get_bill(partner_id=caller_of(request).partner_id, bill_no=bill_no)
        return Response(bill_document(bill))
