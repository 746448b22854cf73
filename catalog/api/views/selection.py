"""The SKUs that a merchant really sells."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api.serializers import SelectionRequest, SelectionSerializer
from catalog.selectors.selection import get_selection
from catalog.services.selection import delete_selection, replace_selection
from openplatform.core.api.caller import caller_of
from openplatform.core.api.fields import EmptyRequest, read_body
from openplatform.core.api.filters import require_known_parameters
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope
from openplatform.idempotency.api.headers import (
    IDEMPOTENCY_KEY,
    answer_response,
    read_replay_key,
)

SELECTION = SelectionRequest()
EMPTY = EmptyRequest()


class GetSelectionView(PartnerAPIView):
    """The SKUs that the caller really sells."""

    operation = "get_selection"
    required_scope = Scope.CATALOG_READ

    @extend_schema(responses=SelectionSerializer)
    def get(self, request: Request) -> Response:
        """Those of the selected SKUs that the caller still sees, by code."""
        require_known_parameters(request)
        return Response(get_selection(partner_id=caller_of(request).partner_id))


class ReplaceSelectionView(PartnerAPIView):
    """Which SKUs the caller really sells."""

    operation = "replace_selection"
    required_scope = Scope.CATALOG_WRITE

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY], request=SelectionRequest, responses=SelectionSerializer
    )
    def put(self, request: Request) -> HttpResponse:
        """The selection is exactly these SKUs, up to 20,000; what was selected before is not.

        With `only_these_messages`, messages about SKUs (`pool.*`, `sku.*`, `price.*`, `stock.*`)
        come of these alone; also what changes their visibility. Everything else comes as before,
        and reads show every SKU in the caller's pools.
        """
        require_known_parameters(request)
        body = read_body(SELECTION, request.data)
        answer = replace_selection(
            partner_id=caller_of(request).partner_id,
            codes=body["skus"],
            only_these_messages=body["only_these_messages"],
            replay=read_replay_key(request, request.data),
        )
        return answer_response(answer)


class DeleteSelectionView(PartnerAPIView):
    """No selection."""

    operation = "delete_selection"
    required_scope = Scope.CATALOG_WRITE

    @extend_schema(parameters=[IDEMPOTENCY_KEY], request=None, responses={200: SelectionSerializer})
    def delete(self, request: Request) -> HttpResponse:
        """Nothing is selected, and messages come of every SKU in the caller's pools."""
        require_known_parameters(request)
        read_body(EMPTY, request.data or {})
        answer = delete_selection(
            partner_id=caller_of(request).partner_id, replay=read_replay_key(request, {})
        )
        return answer_response(answer)
