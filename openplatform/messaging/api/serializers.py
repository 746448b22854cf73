"""The form of the feed, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class MessageSerializer(serializers.Serializer[Any]):
    """One message, the same by pull and by push."""

    id = serializers.CharField()
    sequence = serializers.IntegerField(min_value=1)
    type = serializers.CharField()
    timestamp = serializers.DateTimeField()
    data = serializers.DictField()  # type: ignore[assignment] # DRF keeps the name for itself


class FeedSerializer(serializers.Serializer[Any]):
    """A stretch of a partner's sequence."""

    results = MessageSerializer(many=True)
    head = serializers.IntegerField()
    oldest = serializers.IntegerField(allow_null=True)
    next_after = serializers.IntegerField()
