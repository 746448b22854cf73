"""Top-ups over HTTP: reported, followed, with the proof of the transfer."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import selectors
from accounts.api.filters import TopUpFilter
from accounts.api.serializers import (
    ReportTopUpRequest,
    SendProofRequest,
    TopUpListSerializer,
    TopUpProofSerializer,
    TopUpSerializer,
)
from accounts.documents import top_up_document
from accounts.models import TopUp
from accounts.services.proofs import keep_proof
from accounts.services.top_ups import report_top_up
from openplatform.core import clock
from openplatform.core.api.caller import actor_of, caller_of
from openplatform.core.api.fields import read_body
from openplatform.core.api.filters import filter_queryset, require_known_parameters
from openplatform.core.api.pagination import PAGE_PARAMETERS, number_after, page_body, read_page
from openplatform.core.api.parsers import UploadParser
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope
from openplatform.idempotency.api.headers import IDEMPOTENCY_KEY, answer_response, read_replay_key

REPORT = ReportTopUpRequest()
SEND_PROOF = SendProofRequest()


class ListTopUpsView(PartnerAPIView):
    """The caller's top-ups."""

    operation = "list_top_ups"
    required_scope = Scope.ACCOUNT_READ

    @extend_schema(
        parameters=[
            OpenApiParameter("created_after", datetime),
            OpenApiParameter("created_before", datetime),
            OpenApiParameter("status", str, enum=TopUp.Status.values),
            OpenApiParameter("reference", str),
            *PAGE_PARAMETERS,
        ],
        responses=TopUpListSerializer,
    )
    def get(self, request: Request) -> Response:
        """Every transfer that was reported or entered, the newest last."""
        own = selectors.list_top_ups(partner_id=caller_of(request).partner_id)
        top_ups = filter_queryset(TopUpFilter, request, own)
        page = read_page(request, order="id")
        if (after := number_after(page)) is not None:
            top_ups = top_ups.filter(id__gt=after)
        return Response(
            page_body(
                request,
                page,
                list(top_ups[: page.limit + 1]),
                position=lambda top_up: [top_up.pk],
                show=top_up_document,
            )
        )


class ReportTopUpView(PartnerAPIView):
    """A transfer."""

    operation = "report_top_up"
    required_scope = Scope.ACCOUNT_WRITE

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=ReportTopUpRequest,
        responses={201: TopUpSerializer, 200: TopUpSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        """Report a bank transfer; the balance rises once finance has approved it."""
        body = read_body(REPORT, request.data)
        return answer_response(
            report_top_up(
                partner_id=caller_of(request).partner_id,
                amount=body["amount"],
                reference=body["reference"],
                paid_at=body["paid_at"],
                proof_id=body.get("proof_id"),
                key_id=caller_of(request).key_id,
                actor=actor_of(request),
                now=clock.now(),
                replay=read_replay_key(request, request.data),
            )
        )


class GetTopUpView(PartnerAPIView):
    """One top-up."""

    operation = "get_top_up"
    required_scope = Scope.ACCOUNT_READ

    @extend_schema(responses=TopUpSerializer)
    def get(self, request: Request, top_up_no: str) -> Response:
        """Where a transfer stands, and why it was rejected."""
        require_known_parameters(request)
        top_up = selectors.get_top_up(partner_id=caller_of(request).partner_id, top_up_no=top_up_no)
        return Response(top_up_document(top_up))


class SendTopUpProofView(PartnerAPIView):
    """The proof of a transfer."""

    operation = "send_top_up_proof"
    required_scope = Scope.ACCOUNT_WRITE
    parser_classes = [UploadParser]

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request={"multipart/form-data": SendProofRequest},
        responses={201: TopUpProofSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        """A picture or PDF, to be named by a top-up within seven days."""
        body = read_body(SEND_PROOF, request.data)
        return answer_response(
            keep_proof(
                partner_id=caller_of(request).partner_id,
                file=body["file"],
                now=clock.now(),
                replay=read_replay_key(request, request.data),
            )
        )
