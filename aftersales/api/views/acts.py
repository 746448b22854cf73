"""What a merchant does about a claim that it filed, over HTTP."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from aftersales.api.requests import AddClaimNoteRequest, ReportReturnRequest
from aftersales.api.serializers import ClaimSerializer
from aftersales.services.cancelling import cancel_claim
from aftersales.services.notes import add_note
from aftersales.services.return_parcels import report_return
from aftersales.services.transitions import Actor, Side
from openplatform.core import clock
from openplatform.core.api.caller import actor_of, caller_of
from openplatform.core.api.fields import EmptyRequest, read_body
from openplatform.core.api.filters import require_known_parameters
from openplatform.core.api.last_checks import has_body
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope
from openplatform.idempotency.api.headers import (
    IDEMPOTENCY_KEY,
    answer_response,
    read_replay_key,
)

ADD_NOTE = AddClaimNoteRequest()
REPORT_RETURN = ReportReturnRequest()
EMPTY = EmptyRequest()


class AddClaimNoteView(PartnerAPIView):
    """A note."""

    operation = "add_claim_note"
    required_scope = Scope.AFTERSALES_WRITE

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=AddClaimNoteRequest,
        responses={201: ClaimSerializer},
    )
    def post(self, request: Request, aftersale_no: str) -> HttpResponse:
        """Write to the operators; when they asked for information, the claim is submitted again."""
        require_known_parameters(request)
        body = read_body(ADD_NOTE, request.data)
        answer = add_note(
            aftersale_no=aftersale_no,
            partner_id=caller_of(request).partner_id,
            by=Actor(Side.MERCHANT, actor_of(request)),
            text=body["text"],
            picture_ids=body.get("pictures", ()),
            now=clock.now(),
            replay=read_replay_key(request, request.data),
        )
        return answer_response(answer)


class CancelClaimView(PartnerAPIView):
    """Cancellation of a claim."""

    operation = "cancel_claim"
    required_scope = Scope.AFTERSALES_WRITE

    @extend_schema(parameters=[IDEMPOTENCY_KEY], request=None, responses=ClaimSerializer)
    def post(self, request: Request, aftersale_no: str) -> HttpResponse:
        """Take it back, until goods are sent back or the refund is made; its units can be claimed
        and shipped again.
        """
        require_known_parameters(request)
        if has_body(request._request):
            read_body(EMPTY, request.data)
        answer = cancel_claim(
            partner_id=caller_of(request).partner_id,
            aftersale_no=aftersale_no,
            actor=actor_of(request),
            now=clock.now(),
            replay=read_replay_key(request, {}),
        )
        return answer_response(answer)


class ReportReturnView(PartnerAPIView):
    """Goods on their way back."""

    operation = "report_return"
    required_scope = Scope.AFTERSALES_WRITE

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=ReportReturnRequest,
        responses=ClaimSerializer,
    )
    def post(self, request: Request, aftersale_no: str) -> HttpResponse:
        """Tell the parcel in which approved goods come back; once more for each parcel more, and
        with ``replaces`` to correct a number, until they were received.
        """
        require_known_parameters(request)
        body = read_body(REPORT_RETURN, request.data)
        answer = report_return(
            partner_id=caller_of(request).partner_id,
            aftersale_no=aftersale_no,
            carrier_code=body["carrier"],
            waybill_no=body["waybill_no"],
            shipped_at=body.get("shipped_at"),
            replaces=body.get("replaces"),
            by=Actor(Side.MERCHANT, actor_of(request)),
            now=clock.now(),
            replay=read_replay_key(request, request.data),
        )
        return answer_response(answer)
