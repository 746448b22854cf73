"""Claims over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from aftersales.api.filters import ClaimFilter
from aftersales.api.requests import FileClaimRequest, as_claim_request
from aftersales.api.serializers import ClaimListSerializer, ClaimSerializer
from aftersales.selectors.claims import (
    ClaimQuery,
    get_claim_document,
    get_list_documents,
    page_by_filing,
    page_by_update,
)
from aftersales.services.filing import file_claim
from aftersales.services.transitions import Actor, Side
from aftersales.states import ClaimStatus
from openplatform.core import clock
from openplatform.core.api.caller import actor_of, caller_of
from openplatform.core.api.fields import read_body
from openplatform.core.api.filters import read_filters, require_known_parameters
from openplatform.core.api.pagination import PAGE_PARAMETERS, Page, page_body, read_page
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.errors import CursorInvalid
from openplatform.core.horizon import get_as_of
from openplatform.core.scopes import Scope
from openplatform.idempotency.api.headers import (
    IDEMPOTENCY_KEY,
    answer_response,
    read_replay_key,
)

FILE_CLAIM = FileClaimRequest()


class FileClaimView(PartnerAPIView):
    """A new claim."""

    operation = "file_claim"
    required_scope = Scope.AFTERSALES_WRITE

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=FileClaimRequest,
        responses={201: ClaimSerializer, 200: ClaimSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        """Claim units of one suborder: they can be neither claimed again nor, when they have not
        left yet, shipped, until the claim is decided.
        """
        require_known_parameters(request)
        body = read_body(FILE_CLAIM, request.data)
        answer = file_claim(
            partner_id=caller_of(request).partner_id,
            request=as_claim_request(body),
            by=Actor(Side.MERCHANT, actor_of(request)),
            now=clock.now(),
            replay=read_replay_key(request, request.data),
        )
        return answer_response(answer)


class GetClaimView(PartnerAPIView):
    """One claim."""

    operation = "get_claim"
    required_scope = Scope.AFTERSALES_READ

    @extend_schema(responses=ClaimSerializer)
    def get(self, request: Request, aftersale_no: str) -> Response:
        """As it is now; links to pictures last some minutes."""
        require_known_parameters(request)
        return Response(
            get_claim_document(partner_id=caller_of(request).partner_id, aftersale_no=aftersale_no)
        )


class ListClaimsView(PartnerAPIView):
    """Claims of the caller."""

    operation = "list_claims"
    required_scope = Scope.AFTERSALES_READ

    @extend_schema(
        parameters=[
            OpenApiParameter("created_after", datetime),
            OpenApiParameter("created_before", datetime),
            OpenApiParameter(
                "updated_after", datetime, description="Lists by update, and answers `as_of`"
            ),
            OpenApiParameter("status", str, enum=ClaimStatus.values),
            OpenApiParameter("order_no", str, description="Of a suborder or of the whole order"),
            OpenApiParameter("merchant_aftersale_no", str),
            *PAGE_PARAMETERS,
        ],
        responses=ClaimListSerializer,
    )
    def get(self, request: Request) -> Response:
        """The newest first; with ``updated_after`` the least recently updated first."""
        asked = {name: value or None for name, value in read_filters(ClaimFilter, request).items()}
        updated_after = asked.pop("updated_after")
        query = ClaimQuery(partner_id=caller_of(request).partner_id, **asked)
        if updated_after is not None:
            return Response(_by_update(request, query, updated_after))
        return Response(_by_filing(request, query))


def _by_filing(request: Request, query: ClaimQuery) -> dict[str, Any]:
    page = read_page(request, order="filing")
    rows = page_by_filing(query, before=_position(page), limit=page.limit + 1)
    return _body(request, page, rows)


def _by_update(request: Request, query: ClaimQuery, since: datetime) -> dict[str, Any]:
    as_of = get_as_of()  # before the rows are read: what commits in between is told again
    page = read_page(request, order="update")
    rows = page_by_update(query, after=_position(page) or (since, 0), limit=page.limit + 1)
    return {**_body(request, page, rows), "as_of": clock.to_text(as_of)}


def _body(request: Request, page: Page, rows: Any) -> dict[str, Any]:
    documents = get_list_documents([row.claim_id for row in rows[: page.limit]])
    return page_body(
        request,
        page,
        rows,
        position=lambda row: [row.at.isoformat(), row.claim_id],
        show=lambda row: documents[row.claim_id],
    )


def _position(page: Page) -> tuple[datetime, int] | None:
    match page.after:
        case None:
            return None
        case [str(at), int(claim_id)]:
            try:
                return datetime.fromisoformat(at), claim_id
            except ValueError as error:
                raise CursorInvalid from error
    raise CursorInvalid
