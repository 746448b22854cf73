"""Invoices and their titles over HTTP."""

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
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope
from openplatform.idempotency.api.headers import (
    IDEMPOTENCY_KEY,
    answer_response,
    read_replay_key,
)
from reconciliation.api.downloads import (
    IF_NONE_MATCH,
    NOT_MODIFIED,
    PDF,
    FileNegotiation,
    PdfRenderer,
    answer_stored,
    not_modified,
)
from reconciliation.api.filters import InvoiceFilter, InvoiceTitleFilter
from reconciliation.api.paging import answer_page
from reconciliation.api.requests import CreateInvoiceRequest, CreateInvoiceTitleRequest
from reconciliation.api.serializers import (
    InvoiceListSerializer,
    InvoiceSerializer,
    InvoiceTitleListSerializer,
    InvoiceTitleSerializer,
)
from reconciliation.documents import invoice_document, title_document
from reconciliation.requests import InvoiceRequest, TitleDraft
from reconciliation.selectors import own
from reconciliation.services.invoicing import request_invoice
from reconciliation.services.titles import save_title
from reconciliation.states import InvoiceStatus

CREATE_TITLE = CreateInvoiceTitleRequest()
CREATE_INVOICE = CreateInvoiceRequest()


class ListInvoiceTitlesView(PartnerAPIView):
    """Titles of the caller."""

    operation = "list_invoice_titles"
    required_scope = Scope.INVOICES_READ

    @extend_schema(parameters=[*PAGE_PARAMETERS], responses=InvoiceTitleListSerializer)
    def get(self, request: Request) -> Response:
        """Whom invoices can be made out to, the newest first."""
        rows = own.list_titles(partner_id=caller_of(request).partner_id)
        return answer_page(request, InvoiceTitleFilter, rows, title_document)


class CreateInvoiceTitleView(PartnerAPIView):
    """A title."""

    operation = "create_invoice_title"
    required_scope = Scope.INVOICES_WRITE

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=CreateInvoiceTitleRequest,
        responses={201: InvoiceTitleSerializer, 200: InvoiceTitleSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        """Whom invoices are to be made out to. A title is never changed: another text is another
        title, and the same text the same one (200).
        """
        require_known_parameters(request)
        body = read_body(CREATE_TITLE, request.data)
        answer = save_title(
            partner_id=caller_of(request).partner_id,
            draft=TitleDraft(**body),
            now=clock.now(),
            replay=read_replay_key(request, request.data),
        )
        return answer_response(answer)


class ListInvoicesView(PartnerAPIView):
    """Invoices of the caller."""

    operation = "list_invoices"
    required_scope = Scope.INVOICES_READ

    @extend_schema(
        parameters=[
            OpenApiParameter("status", str, enum=InvoiceStatus.values),
            OpenApiParameter(
                "order_no", str, description="Those that cover this order, or take it back"
            ),
            OpenApiParameter("statement_no", str, description="Those asked for by this statement"),
            OpenApiParameter("created_after", datetime),
            OpenApiParameter("created_before", datetime),
            *PAGE_PARAMETERS,
        ],
        responses=InvoiceListSerializer,
    )
    def get(self, request: Request) -> Response:
        """The newest first, without their lines; credit invoices among them."""
        rows = own.list_invoices(partner_id=caller_of(request).partner_id)
        return answer_page(request, InvoiceFilter, rows, invoice_document)


class CreateInvoiceView(PartnerAPIView):
    """An invoice."""

    operation = "create_invoice"
    required_scope = Scope.INVOICES_WRITE

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=CreateInvoiceRequest,
        responses={201: InvoiceSerializer, 200: InvoiceSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        """Ask for one, for a paid order or for all orders paid in the period of a statement, less
        what was refunded. An order is covered by one invoice at a time; the same request again
        gives the invoice as it is (200).
        """
        require_known_parameters(request)
        body = read_body(CREATE_INVOICE, request.data)
        answer = request_invoice(
            partner_id=caller_of(request).partner_id,
            request=InvoiceRequest(**body),
            by=actor_of(request),
            now=clock.now(),
            replay=read_replay_key(request, request.data),
        )
        return answer_response(answer)


class GetInvoiceView(PartnerAPIView):
    """One invoice."""

    operation = "get_invoice"
    required_scope = Scope.INVOICES_READ

    @extend_schema(responses=InvoiceSerializer)
    def get(self, request: Request, invoice_no: str) -> Response:
        """As it is now, with its lines."""
        require_known_parameters(request)
        invoice = own.get_invoice(partner_id=caller_of(request).partner_id, invoice_no=invoice_no)
        return Response(own.show_invoice(invoice))


class GetInvoiceFileView(PartnerAPIView):
    """An invoice as a file."""

    operation = "get_invoice_file"
    required_scope = Scope.INVOICES_READ
    renderer_classes = (PdfRenderer,)
    content_negotiation_class = FileNegotiation

    @extend_schema(
        parameters=[IF_NONE_MATCH],
        responses={(200, PDF): OpenApiTypes.BINARY, 304: NOT_MODIFIED},
    )
    def get(self, request: Request, invoice_no: str) -> HttpResponseBase:
        """The PDF, once it is issued, and still when it was cancelled afterwards; 409
        `invoice_state_conflict` before that. Its ETag is the SHA-256 of its content.
        """
        require_known_parameters(request)
        invoice = own.get_invoice_with_file(
            partner_id=caller_of(request).partner_id, invoice_no=invoice_no
        )
        if (unchanged := not_modified(request, invoice.file_sha256)) is not None:
            return unchanged
        name = f"invoice-{invoice.fiscal_number}.pdf"
        return answer_stored(invoice.file, filename=name, sha256=invoice.file_sha256)
