"""Webhook endpoints over HTTP, and what was sent to them."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from openplatform.core.api.caller import actor_of, caller_of
from openplatform.core.api.fields import EmptyRequest, read_body
from openplatform.core.api.filters import filter_queryset, require_known_parameters
from openplatform.core.api.pagination import (
    PAGE_PARAMETERS,
    PARAMETERS,
    number_after,
    page_body,
    read_page,
)
from openplatform.core.api.views import PartnerAPIView
from openplatform.core.scopes import Scope
from openplatform.idempotency.api.headers import IDEMPOTENCY_KEY, answer_response, read_replay_key
from openplatform.messaging import selectors
from openplatform.messaging.api.filters import WebhookDeliveryFilter
from openplatform.messaging.api.requests import (
    ChangeWebhookEndpointRequest,
    CreateWebhookEndpointRequest,
    ReplayMessagesRequest,
)
from openplatform.messaging.api.webhook_serializers import (
    ReplaySerializer,
    TestMessageSerializer,
    WebhookDeliveryListSerializer,
    WebhookDeliverySerializer,
    WebhookEndpointListSerializer,
    WebhookEndpointSerializer,
    WebhookEndpointWithSecretSerializer,
)
from openplatform.messaging.models import WebhookDelivery
from openplatform.messaging.services import answers

CREATE = CreateWebhookEndpointRequest()
CHANGE = ChangeWebhookEndpointRequest()
REPLAY = ReplayMessagesRequest()
EMPTY = EmptyRequest()


class ListWebhookEndpointsView(PartnerAPIView):
    """The caller's webhook endpoints."""

    operation = "list_webhook_endpoints"
    required_scope = Scope.MESSAGES_READ

    @extend_schema(parameters=[*PAGE_PARAMETERS], responses=WebhookEndpointListSerializer)
    def get(self, request: Request) -> Response:
        """Where messages are sent, and how far each has come; the newest last."""
        require_known_parameters(request, *PARAMETERS)
        endpoints = selectors.list_endpoints(partner_id=caller_of(request).partner_id)
        page = read_page(request, order="id")
        if (after := number_after(page)) is not None:
            endpoints = endpoints.filter(id__gt=after)
        rows = list(endpoints[: page.limit + 1])
        documents = selectors.list_endpoint_documents(rows)
        return Response(
            page_body(
                request,
                page,
                list(zip(rows, documents, strict=True)),
                position=lambda row: [row[0].pk],
                show=lambda row: row[1],
            )
        )


class CreateWebhookEndpointView(PartnerAPIView):
    """An address that messages are sent to."""

    operation = "create_webhook_endpoint"
    required_scope = Scope.WEBHOOKS_WRITE

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=CreateWebhookEndpointRequest,
        responses={201: WebhookEndpointWithSecretSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        """Have messages sent there from now on.

        The answer has the secret that signs them, this once. For what came before, ask for a
        replay. A partner has at most 20 endpoints.
        """
        require_known_parameters(request)
        body = read_body(CREATE, request.data)
        answer = answers.answer_creation(
            partner_id=caller_of(request).partner_id,
            asked=body,
            actor=actor_of(request),
            replay=read_replay_key(request, request.data),
        )
        return answer_response(answer)


class GetWebhookEndpointView(PartnerAPIView):
    """One webhook endpoint."""

    operation = "get_webhook_endpoint"
    required_scope = Scope.MESSAGES_READ

    @extend_schema(responses=WebhookEndpointSerializer)
    def get(self, request: Request, endpoint_id: str) -> Response:
        """Where it is, what it takes, and how far it has come."""
        require_known_parameters(request)
        endpoint = selectors.get_endpoint(
            partner_id=caller_of(request).partner_id, endpoint_id=endpoint_id
        )
        (document,) = selectors.list_endpoint_documents([endpoint])
        return Response(document)


class ChangeWebhookEndpointView(PartnerAPIView):
    """A webhook endpoint on other terms."""

    operation = "change_webhook_endpoint"
    required_scope = Scope.WEBHOOKS_WRITE

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=ChangeWebhookEndpointRequest,
        responses={200: WebhookEndpointSerializer},
    )
    def patch(self, request: Request, endpoint_id: str) -> HttpResponse:
        """Change what is named; what is left out stays as it is; null is refused.

        Up to 200 messages are taken up ahead: those of types that it no longer takes may still
        come. `enabled` ends a failing state as well: what waits is sent at once, in its order.
        """
        require_known_parameters(request)
        body = read_body(CHANGE, request.data)
        answer = answers.answer_change(
            endpoint_id=endpoint_id,
            partner_id=caller_of(request).partner_id,
            asked=body,
            actor=actor_of(request),
            replay=read_replay_key(request, request.data),
        )
        return answer_response(answer)


class DeleteWebhookEndpointView(PartnerAPIView):
    """No webhook endpoint any more."""

    operation = "delete_webhook_endpoint"
    required_scope = Scope.WEBHOOKS_WRITE

    @extend_schema(parameters=[IDEMPOTENCY_KEY], request=None, responses={204: None})
    def delete(self, request: Request, endpoint_id: str) -> HttpResponse:
        """Nothing is sent there any more; a request that is under way ends as it does."""
        require_known_parameters(request)
        read_body(EMPTY, request.data or {})
        answer = answers.answer_deletion(
            endpoint_id=endpoint_id,
            partner_id=caller_of(request).partner_id,
            actor=actor_of(request),
            replay=read_replay_key(request, {}),
        )
        response = answer_response(answer)
        del response["Content-Type"]  # of what is not there
        return response


class RotateWebhookSecretView(PartnerAPIView):
    """Another secret."""

    operation = "rotate_webhook_secret"
    required_scope = Scope.WEBHOOKS_WRITE

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses={200: WebhookEndpointWithSecretSerializer},
    )
    def post(self, request: Request, endpoint_id: str) -> HttpResponse:
        """A new secret, shown this once. It and the one before both sign for 24 hours.

        Rotated again within that time, the oldest of the three signs no longer.
        """
        require_known_parameters(request)
        read_body(EMPTY, request.data or {})
        answer = answers.answer_rotation(
            endpoint_id=endpoint_id,
            partner_id=caller_of(request).partner_id,
            actor=actor_of(request),
            replay=read_replay_key(request, {}),
        )
        return answer_response(answer)


class SendTestMessageView(PartnerAPIView):
    """A test message."""

    operation = "send_test_message"
    required_scope = Scope.WEBHOOKS_WRITE

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY], request=None, responses={202: TestMessageSerializer}
    )
    def post(self, request: Request, endpoint_id: str) -> HttpResponse:
        """Send `test.ping` to this endpoint, whatever types it takes, also while it fails.

        It comes in the feed as well. What became of it is told among the deliveries.
        """
        require_known_parameters(request)
        read_body(EMPTY, request.data or {})
        answer = answers.answer_test(
            endpoint_id=endpoint_id,
            partner_id=caller_of(request).partner_id,
            actor=actor_of(request),
            replay=read_replay_key(request, {}),
        )
        return answer_response(answer)


class ReplayMessagesView(PartnerAPIView):
    """Messages from a point on, once more."""

    operation = "replay_messages"
    required_scope = Scope.WEBHOOKS_WRITE

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=ReplayMessagesRequest,
        responses={202: ReplaySerializer},
    )
    def post(self, request: Request, endpoint_id: str) -> HttpResponse:
        """Send again, in their order and under their ids, what comes behind a sequence.

        Also messages from before the endpoint was added, as far as they are kept (30 days; else
        `cursor_expired` with the oldest). It takes the types that the endpoint takes now.
        """
        require_known_parameters(request)
        body = read_body(REPLAY, request.data)
        answer = answers.answer_replay(
            endpoint_id=endpoint_id,
            partner_id=caller_of(request).partner_id,
            after_sequence=body["after_sequence"],
            actor=actor_of(request),
            replay=read_replay_key(request, request.data),
        )
        return answer_response(answer)


class ListWebhookDeliveriesView(PartnerAPIView):
    """What was sent to an endpoint, and what is on its way."""

    operation = "list_webhook_deliveries"
    required_scope = Scope.MESSAGES_READ

    @extend_schema(
        parameters=[
            OpenApiParameter("type", str, description="Types, separated by commas"),
            OpenApiParameter("subject", str, description="`order:…`, exactly"),
            OpenApiParameter("status", str, enum=WebhookDelivery.Status.values),
            OpenApiParameter("created_after", datetime),
            OpenApiParameter("created_before", datetime),
            *PAGE_PARAMETERS,
        ],
        responses=WebhookDeliveryListSerializer,
    )
    def get(self, request: Request, endpoint_id: str) -> Response:
        """The last message first, each with its last 20 attempts; kept 30 days."""
        endpoint = selectors.get_endpoint(
            partner_id=caller_of(request).partner_id, endpoint_id=endpoint_id
        )
        deliveries = filter_queryset(
            WebhookDeliveryFilter, request, selectors.list_deliveries(endpoint)
        )
        page = read_page(request, order="sequence")
        if (before := number_after(page)) is not None:
            deliveries = deliveries.filter(sequence__lt=before)
        rows = list(deliveries[: page.limit + 1])
        documents = selectors.list_delivery_documents(rows, endpoint=endpoint)
        return Response(
            page_body(
                request,
                page,
                documents,
                position=lambda document: [document["sequence"]],
                show=lambda document: document,
            )
        )


class ResendMessageView(PartnerAPIView):
    """One message, once more."""

    operation = "resend_message"
    required_scope = Scope.WEBHOOKS_WRITE

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY], request=None, responses={202: WebhookDeliverySerializer}
    )
    def post(self, request: Request, endpoint_id: str, message_id: str) -> HttpResponse:
        """Send it again at once, under its id, whatever became of it, also while all else fails."""
        require_known_parameters(request)
        read_body(EMPTY, request.data or {})
        answer = answers.answer_resend(
            endpoint_id=endpoint_id,
            partner_id=caller_of(request).partner_id,
            message_id=message_id,
            actor=actor_of(request),
            replay=read_replay_key(request, {}),
        )
        return answer_response(answer)
