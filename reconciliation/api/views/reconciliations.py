"""Files of merchants, held against the ledger, over HTTP."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from openplatform.core import clock
from openplatform.core.api.caller import actor_of, caller_of
from openplatform.core.api.fields import read_body
from openplatform.core.api.filters import require_known_parameters
from openplatform.core.api.pagination import PAGE_PARAMETERS
from openplatform.core.api.parsers import UploadParser
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope
from openplatform.idempotency.api.headers import (
    IDEMPOTENCY_KEY,
    answer_response,
    read_replay_key,
)
from reconciliation.api.downloads import (
    LANGUAGE,
    XLSX,
    FileNegotiation,
    XlsxRenderer,
    answer_made,
    read_language,
)
from reconciliation.api.filters import ReconciliationFilter, ReconciliationRowFilter
from reconciliation.api.paging import answer_page
from reconciliation.api.requests import CreateReconciliationRequest
from reconciliation.api.serializers import (
    ReconciliationListSerializer,
    ReconciliationRowListSerializer,
    ReconciliationSerializer,
)
from reconciliation.documents import reconciliation_document, row_document
from reconciliation.files.report import write_report
from reconciliation.models import ReconciliationRow
from reconciliation.selectors import own
from reconciliation.services.uploading import MAX_BYTES, upload_file
from reconciliation.states import PaperStatus

CREATE = CreateReconciliationRequest()


class ReconciliationParser(UploadParser):
    """A form with a file of up to 25 MB: 200,000 rows of CSV take about 15."""

    upload_limit = MAX_BYTES


class ListReconciliationsView(PartnerAPIView):
    """Reports of the caller."""

    operation = "list_reconciliations"
    required_scope = Scope.STATEMENTS_READ

    @extend_schema(
        parameters=[
            OpenApiParameter("status", str, enum=PaperStatus.values),
            OpenApiParameter("created_after", datetime),
            OpenApiParameter("created_before", datetime),
            *PAGE_PARAMETERS,
        ],
        responses=ReconciliationListSerializer,
    )
    def get(self, request: Request) -> Response:
        """The newest first, without their rows."""
        rows = own.list_reconciliations(partner_id=caller_of(request).partner_id)
        return answer_page(request, ReconciliationFilter, rows, reconciliation_document)


class CreateReconciliationView(PartnerAPIView):
    """A file to be held against the ledger."""

    operation = "create_reconciliation"
    required_scope = Scope.STATEMENTS_WRITE
    parser_classes = [ReconciliationParser]

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request={"multipart/form-data": CreateReconciliationRequest},
        responses={202: ReconciliationSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        """A row for each payment, refund, top-up, adjustment and withdrawal of the period as you
        have it, signed as in the ledger; `reconciliation.ready` tells when the report is there. The
        same file for the same period with the same columns is the same report.
        """
        require_known_parameters(request)
        body = read_body(CREATE, request.data)
        answer = upload_file(
            partner_id=caller_of(request).partner_id,
            file=body["file"],
            period_start=body["period_start"],
            period_end=body["period_end"],
            columns=body.get("columns"),
            by=actor_of(request),
            now=clock.now(),
            replay=read_replay_key(request, request.data),
        )
        return answer_response(answer)


class GetReconciliationView(PartnerAPIView):
    """One report."""

    operation = "get_reconciliation"
    required_scope = Scope.STATEMENTS_READ

    @extend_schema(responses=ReconciliationSerializer)
    def get(self, request: Request, reconciliation_no: str) -> Response:
        """How many rows came to which result, and what leads from your closing to ours; where the
        file could not be read, what is wrong with it.
        """
        require_known_parameters(request)
        reconciliation = own.get_reconciliation(
            partner_id=caller_of(request).partner_id, reconciliation_no=reconciliation_no
        )
        return Response(reconciliation_document(reconciliation))


class ListReconciliationRowsView(PartnerAPIView):
    """Rows of a report."""

    operation = "list_reconciliation_rows"
    required_scope = Scope.STATEMENTS_READ

    @extend_schema(
        parameters=[
            OpenApiParameter("result", str, enum=ReconciliationRow.Result.values),
            OpenApiParameter("cause", str, enum=ReconciliationRow.Cause.values),
            OpenApiParameter(
                "resolved", bool, description="Explained by finance, or not explained yet"
            ),
            *PAGE_PARAMETERS,
        ],
        responses=ReconciliationRowListSerializer,
    )
    def get(self, request: Request, reconciliation_no: str) -> Response:
        """In the order of the report, each with the documents behind it; 409
        `reconciliation_not_ready` while it is being made.
        """
        reconciliation = own.get_ready_reconciliation(
            partner_id=caller_of(request).partner_id, reconciliation_no=reconciliation_no
        )
        return answer_page(
            request,
            ReconciliationRowFilter,
            own.list_rows(reconciliation),
            row_document,
            by="position",
        )


class GetReconciliationFileView(PartnerAPIView):
    """A report as a spreadsheet."""

    operation = "get_reconciliation_file"
    required_scope = Scope.STATEMENTS_READ
    renderer_classes = (XlsxRenderer,)
    content_negotiation_class = FileNegotiation

    @extend_schema(parameters=[LANGUAGE], responses={(200, XLSX): OpenApiTypes.BINARY})
    def get(self, request: Request, reconciliation_no: str) -> HttpResponseBase:
        """Totals, bridge and all rows: of up to 5,000 with the explanations that there are by now,
        of more as they were when the report was made. 409 `reconciliation_not_ready` while the
        report or its file is being made.
        """
        require_known_parameters(request, "language")
        language = read_language(request)
        reconciliation = own.get_ready_reconciliation(
            partner_id=caller_of(request).partner_id, reconciliation_no=reconciliation_no
        )
        return answer_made(
            lambda path: write_report(reconciliation, path, language),
            filename=f"reconciliation-{reconciliation.reconciliation_no}-{language}.xlsx",
        )
