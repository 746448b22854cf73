"""Statements over HTTP."""

from __future__ import annotations

from datetime import date

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
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope
from openplatform.idempotency.api.headers import (
    IDEMPOTENCY_KEY,
    answer_response,
    read_replay_key,
)
from reconciliation.api.downloads import (
    CSV,
    IF_NONE_MATCH,
    LANGUAGE,
    NOT_MODIFIED,
    PDF,
    XLSX,
    CsvRenderer,
    FileNegotiation,
    PdfRenderer,
    XlsxRenderer,
    answer_stored,
    not_modified,
    read_format,
    read_language,
)
from reconciliation.api.filters import StatementFilter
from reconciliation.api.paging import answer_page
from reconciliation.api.requests import CreateStatementRequest
from reconciliation.api.serializers import StatementListSerializer, StatementSerializer
from reconciliation.documents import filename_of
from reconciliation.models import StatementFile
from reconciliation.selectors import own
from reconciliation.selectors.periods import PeriodKind
from reconciliation.selectors.statements import get_statement_file
from reconciliation.services.downloading import note_download
from reconciliation.services.ordering import order_statement
from reconciliation.states import PaperStatus

CREATE = CreateStatementRequest()


class ListStatementsView(PartnerAPIView):
    """Statements of the caller."""

    operation = "list_statements"
    required_scope = Scope.STATEMENTS_READ

    @extend_schema(
        parameters=[
            OpenApiParameter("status", str, enum=PaperStatus.values),
            OpenApiParameter("kind", str, enum=[kind.value for kind in PeriodKind]),
            OpenApiParameter("period_start_after", date, description="This first day, or a later"),
            OpenApiParameter("period_start_before", date, description="An earlier first day"),
            *PAGE_PARAMETERS,
        ],
        responses=StatementListSerializer,
    )
    def get(self, request: Request) -> Response:
        """The newest first: those of days and months that the platform makes, and those that were
        asked for.
        """
        rows = own.list_statements(partner_id=caller_of(request).partner_id)
        return answer_page(request, StatementFilter, rows, own.show_statement)


class CreateStatementView(PartnerAPIView):
    """A statement of any days that are over."""

    operation = "create_statement"
    required_scope = Scope.STATEMENTS_WRITE

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=CreateStatementRequest,
        responses={202: StatementSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        """Have it made: `statement.ready` tells when it is there. The same period is the same
        statement, whoever asks for it, and how often.
        """
        require_known_parameters(request)
        body = read_body(CREATE, request.data)
        answer = order_statement(
            partner_id=caller_of(request).partner_id,
            period_start=body["period_start"],
            period_end=body["period_end"],
            by=actor_of(request),
            now=clock.now(),
            replay=read_replay_key(request, request.data),
        )
        return answer_response(answer)


class GetStatementView(PartnerAPIView):
    """One statement."""

    operation = "get_statement"
    required_scope = Scope.STATEMENTS_READ

    @extend_schema(responses=StatementSerializer)
    def get(self, request: Request, statement_no: str) -> Response:
        """As it is now; links to its files last some minutes."""
        require_known_parameters(request)
        statement = own.get_statement(
            partner_id=caller_of(request).partner_id, statement_no=statement_no
        )
        return Response(own.show_statement(statement))


class GetStatementFileView(PartnerAPIView):
    """A statement as a file."""

    operation = "get_statement_file"
    required_scope = Scope.STATEMENTS_READ
    renderer_classes = (CsvRenderer, XlsxRenderer, PdfRenderer)
    content_negotiation_class = FileNegotiation

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "format",
                str,
                enum=StatementFile.Format.values,
                description="By `Accept` when left out, and then CSV before the others",
            ),
            LANGUAGE,
            IF_NONE_MATCH,
        ],
        responses={
            (200, CSV): OpenApiTypes.BINARY,
            (200, XLSX): OpenApiTypes.BINARY,
            (200, PDF): OpenApiTypes.BINARY,
            304: NOT_MODIFIED,
        },
    )
    def get(self, request: Request, statement_no: str) -> HttpResponseBase:
        """A row for each ledger entry and, for orders, for each order line; opening and rows come
        to closing. A file never changes once it is there; its ETag is the SHA-256 of its content.
        409 `statement_not_ready` before that.
        """
        require_known_parameters(request, "format", "language")
        format, language = read_format(request), read_language(request)
        statement = own.get_statement(
            partner_id=caller_of(request).partner_id, statement_no=statement_no
        )
        file = get_statement_file(statement, format, language)
        if (unchanged := not_modified(request, file.sha256)) is not None:
            return unchanged
        name = filename_of(statement, file.format, file.language)
        response = answer_stored(file.file, filename=name, sha256=file.sha256)
        if request.method == "GET":  # HEAD takes nothing away
            note_download(file=file, actor=actor_of(request))
        return response
