"""The caller's key and money over HTTP."""

from __future__ import annotations

from datetime import datetime

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import selectors
from accounts.api.filters import LedgerEntryFilter
from accounts.api.serializers import (
    AccountSerializer,
    KeySerializer,
    LedgerEntryListSerializer,
)
from accounts.models import LedgerEntry
from openplatform.core.api.caller import caller_of
from openplatform.core.api.filters import filter_queryset, require_known_parameters
from openplatform.core.api.pagination import PAGE_PARAMETERS, number_after, page_body, read_page
from openplatform.core.api.permissions import ANY_KEY
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope


class GetKeyView(PartnerAPIView):
    """The key itself."""

    operation = "get_key"
    required_scope = ANY_KEY

    @extend_schema(responses=KeySerializer)
    def get(self, request: Request) -> Response:
        """What the key that asks may do, and until when."""
        require_known_parameters(request)
        return Response(selectors.get_key_document(key_id=caller_of(request).key_id))


class GetAccountView(PartnerAPIView):
    """The caller's account."""

    operation = "get_account"
    required_scope = Scope.ACCOUNT_READ

    @extend_schema(responses=AccountSerializer)
    def get(self, request: Request) -> Response:
        """Balance, credit line, what is held, and what a new order may cost."""
        require_known_parameters(request)
        return Response(selectors.get_account_document(partner_id=caller_of(request).partner_id))


class ListAccountEntriesView(PartnerAPIView):
    """The caller's ledger."""

    operation = "list_account_entries"
    required_scope = Scope.ACCOUNT_READ

    @extend_schema(
        parameters=[
            OpenApiParameter("created_after", datetime),
            OpenApiParameter("created_before", datetime),
            OpenApiParameter("kind", str, enum=LedgerEntry.Kind.values),
            OpenApiParameter("order_no", str),
            OpenApiParameter("after", str, description="An `entry_no`; entries behind it come"),
            *PAGE_PARAMETERS,
        ],
        responses=LedgerEntryListSerializer,
    )
    def get(self, request: Request) -> Response:
        """Every movement of the balance, the newest last."""
        own = selectors.list_ledger_entries(partner_id=caller_of(request).partner_id)
        entries = filter_queryset(LedgerEntryFilter, request, own)
        page = read_page(request, order="entry_no")
        if (after := number_after(page)) is not None:
            entries = entries.filter(entry_no__gt=after)
        return Response(
            page_body(
                request,
                page,
                list(entries[: page.limit + 1]),
                position=lambda entry: [entry.entry_no],
                show=selectors.entry_document,
            )
        )
