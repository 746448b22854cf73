"""The forms of webhook endpoints and deliveries, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from openplatform.messaging.models import WebhookDelivery, WebhookEndpoint
from openplatform.messaging.models.webhooks import MAX_ANSWER


class WebhookEndpointSerializer(serializers.Serializer[Any]):
    """An address that messages are sent to."""

    id = serializers.CharField()
    url = serializers.CharField()
    types = serializers.ListField(child=serializers.CharField(), help_text="Empty: all of them")
    description = serializers.CharField(allow_blank=True)
    headers = serializers.DictField(
        child=serializers.CharField(), help_text="`********` in place of each value"
    )
    status = serializers.ChoiceField(
        WebhookEndpoint.Status.choices,
        help_text="While it fails, messages wait and one at a time is tried",
    )
    disabled_reason = serializers.ChoiceField(
        WebhookEndpoint.DisabledReason.choices, allow_null=True
    )
    failing_since = serializers.DateTimeField(allow_null=True)
    next_attempt_at = serializers.DateTimeField(
        allow_null=True,
        help_text=(
            "Nothing is sent before: while it fails, it is probed again then, else its receiver"
            " asked for it. Null: nothing to wait for"
        ),
    )
    last_delivered_sequence = serializers.IntegerField(
        help_text="Everything up to it was delivered, set aside, or not wanted"
    )
    backlog = serializers.IntegerField(
        help_text="Messages that wait; of more than 10,000, those of other types count too"
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class WebhookEndpointWithSecretSerializer(WebhookEndpointSerializer):
    """An endpoint with its new secret, which is shown in this answer alone."""

    secret = serializers.CharField(
        required=False, help_text="Left out when the answer is given again to a retry"
    )


class WebhookEndpointListSerializer(serializers.Serializer[Any]):
    """A page of endpoints."""

    results = WebhookEndpointSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class WebhookAttemptSerializer(serializers.Serializer[Any]):
    """One request and what came of it."""

    number = serializers.IntegerField(min_value=1)
    at = serializers.DateTimeField()
    url = serializers.CharField()
    status_code = serializers.IntegerField(allow_null=True)
    duration_ms = serializers.IntegerField(min_value=0)
    error = serializers.CharField(allow_null=True, help_text="Why there was no answer")
    answer = serializers.CharField(
        allow_blank=True, help_text=f"Its first {MAX_ANSWER:,} bytes, as text"
    )
    next_attempt_at = serializers.DateTimeField(allow_null=True)


class WebhookDeliverySerializer(serializers.Serializer[Any]):
    """A message on its way to an endpoint, or there, or set aside after its last try."""

    id = serializers.CharField(help_text="Of the message")
    sequence = serializers.IntegerField(min_value=1)
    type = serializers.CharField()
    subject = serializers.CharField()
    status = serializers.ChoiceField(WebhookDelivery.Status.choices)
    created_at = serializers.DateTimeField()
    delivered_at = serializers.DateTimeField(allow_null=True)
    next_attempt_at = serializers.DateTimeField(
        allow_null=True,
        help_text="Null also while its endpoint is failing or disabled: nobody knows yet",
    )
    attempts = WebhookAttemptSerializer(many=True, help_text="The last 20, the newest first")


class WebhookDeliveryListSerializer(serializers.Serializer[Any]):
    """A page of deliveries."""

    results = WebhookDeliverySerializer(many=True)
    next = serializers.CharField(allow_null=True)


class TestMessageSerializer(serializers.Serializer[Any]):
    """By what a test message is found in the feed and among deliveries."""

    type = serializers.CharField()
    subject = serializers.CharField()


class ReplaySerializer(serializers.Serializer[Any]):
    """What is sent again."""

    after_sequence = serializers.IntegerField(min_value=0)
    message_count = serializers.IntegerField(
        min_value=0, help_text="Messages that had been taken up before and go again"
    )
