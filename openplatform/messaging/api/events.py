"""The form of messages about webhook endpoints, with an example of each."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from openplatform.messaging.messages import ENDPOINT_DISABLED, ENDPOINT_FAILING, TEST_PING
from openplatform.messaging.models import WebhookEndpoint

# Named for the OpenAPI document, which calls what is chosen from by one name wherever it occurs.
ENDPOINT_STATUSES = WebhookEndpoint.Status.choices
DISABLED_REASONS = WebhookEndpoint.DisabledReason.choices


class EndpointNoticeSerializer(serializers.Serializer[Any]):
    """A webhook endpoint as it was then, without its headers and secret."""

    id = serializers.CharField()
    url = serializers.CharField()
    types = serializers.ListField(
        child=serializers.CharField(), help_text=_("The types that it takes; empty: all of them")
    )
    description = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(ENDPOINT_STATUSES)
    disabled_reason = serializers.ChoiceField(DISABLED_REASONS, allow_null=True)
    failing_since = serializers.DateTimeField(
        allow_null=True, help_text=_("When the first of the attempts failed that failed in a row")
    )
    last_delivered_sequence = serializers.IntegerField(
        min_value=0,
        help_text=_("Everything up to it was delivered, set aside, or not wanted"),
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class EndpointNewsSerializer(serializers.Serializer[Any]):
    """The webhook endpoint that it is about."""

    endpoint = EndpointNoticeSerializer()


_ENDPOINT: dict[str, Any] = {
    "id": "we_8M3TQ7Y2RKX0VDNB",
    "url": "https://shop.example/hooks/platform",
    "types": [],
    "description": "orders and stock",
    "status": "enabled",
    "disabled_reason": None,
    "failing_since": None,
    "last_delivered_sequence": 1041,
    "created_at": "2026-02-11T09:30:00.412876+08:00",
    "updated_at": "2026-02-11T09:30:00.412876+08:00",
}
_SINCE = "2026-03-01T10:12:07.093315+08:00"
_FAILING = {**_ENDPOINT, "status": "failing", "failing_since": _SINCE}
_DISABLED = {
    **_ENDPOINT, "status": "disabled", "disabled_reason": "failing", "failing_since": _SINCE,
}  # fmt: skip
EXAMPLES: dict[str, dict[str, Any]] = {
    ENDPOINT_FAILING: {"endpoint": _FAILING},
    ENDPOINT_DISABLED: {"endpoint": _DISABLED},
    TEST_PING: {"endpoint": _ENDPOINT},
}
