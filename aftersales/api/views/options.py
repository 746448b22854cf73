"""What can be claimed, over HTTP."""

from __future__ import annotations

from django.utils import translation
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from aftersales.api.serializers import ClaimOptionsSerializer
from aftersales.selectors.options import get_options_document
from openplatform.core.api.caller import caller_of
from openplatform.core.api.filters import require_known_parameters
from openplatform.core.api.problems import language_of
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope


class GetAftersaleOptionsView(PartnerAPIView):
    """What of an order can be claimed."""

    operation = "get_aftersale_options"
    required_scope = Scope.AFTERSALES_READ

    @extend_schema(responses=ClaimOptionsSerializer)
    def get(self, request: Request, order_no: str) -> Response:
        """By a child's number its own lines, by a parent's those of all suborders; the reasons are
        named in the language that is asked for.
        """
        require_known_parameters(request)
        with translation.override(language_of(request._request)):
            document = get_options_document(
                partner_id=caller_of(request).partner_id, order_no=order_no
            )
        return Response(document)
