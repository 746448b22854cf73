"""Quotes over HTTP."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils import translation
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from openplatform.core import clock
from openplatform.core.api.caller import caller_of
from openplatform.core.api.fields import read_body
from openplatform.core.api.filters import require_known_parameters
from openplatform.core.api.problems import language_of
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope
from openplatform.idempotency.api.headers import (
    IDEMPOTENCY_KEY,
    answer_response,
    read_replay_key,
)
from orders.api.requests import QuoteOrderRequest, as_quote_request
from orders.api.serializers import QuoteSerializer
from orders.services.quoting import quote_order

QUOTE_ORDER = QuoteOrderRequest()


class QuoteOrderView(PartnerAPIView):
    """What an order would cost."""

    operation = "quote_order"
    required_scope = Scope.ORDERS_WRITE

    @extend_schema(
        description="A dry run of `place_order` with the same body but `quote_id`, of which only "
        "`items` and a region or an address are needed. Always 200: `errors` has every reason why "
        "the order could not be placed now, in the order in which it would be refused, with what "
        "would fix it. Without any, `quote_id` freezes prices, freight and split for one order "
        "with the same items and region until `expires_at`; it reserves no stock and holds no "
        "money.",
        parameters=[IDEMPOTENCY_KEY],
        request=QuoteOrderRequest,
        responses=QuoteSerializer,
    )
    def post(self, request: Request) -> HttpResponse:
        require_known_parameters(request)
        body = read_body(QUOTE_ORDER, request.data)
        replay = read_replay_key(request, request.data)
        with translation.override(language_of(request._request)):
            answer = quote_order(
                partner_id=caller_of(request).partner_id,
                request=as_quote_request(body),
                now=clock.now(),
                replay=replay,
            )
        return answer_response(answer)
