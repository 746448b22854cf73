"""Pictures of claims: what is sent, and for the OpenAPI document what is answered."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from openplatform.core.api.fields import RequestSerializer, UploadField


class SendPictureRequest(RequestSerializer):
    """A picture for a claim or a note."""

    file = UploadField(help_text="JPEG, PNG or WebP, up to 5 MB and 25 megapixels")


class KeptPictureSerializer(serializers.Serializer[Any]):
    """The picture as it is kept: written anew, upright and without metadata."""

    picture_id = serializers.CharField(help_text="To be named by a claim or a note within a day")
    width = serializers.IntegerField(help_text="Pixels")
    height = serializers.IntegerField(help_text="Pixels")
    url = serializers.CharField(help_text="Shows it, until `expires_at`")
    thumbnail_url = serializers.CharField(help_text="The same in 320 pixels at most")
    expires_at = serializers.DateTimeField()
