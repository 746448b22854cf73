"""The shapes of the address library's answers, for the OpenAPI document."""

from __future__ import annotations

import unicodedata
from typing import Any

from rest_framework import serializers

from openplatform.core.api.fields import RequestSerializer, TextField
from openplatform.regions.models import Region

MAX_TEXT = 300
LEVELS = "1 province, 2 city, 3 district, 4 town"


class RegionSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()
    level = serializers.IntegerField(
        min_value=Region.Level.PROVINCE,
        max_value=Region.Level.TOWN,
        help_text=LEVELS,
    )
    parent = serializers.CharField(  # type: ignore[assignment] # DRF takes fields off the class
        allow_null=True, help_text="null for a province"
    )
    has_children = serializers.BooleanField()


class RegionListSerializer(serializers.Serializer[Any]):
    version = serializers.CharField(help_text="Release of the library")
    results = RegionSerializer(many=True)


class RegionDetailSerializer(RegionSerializer):
    version = serializers.CharField(help_text="Release of the library")
    retired = serializers.BooleanField(help_text="No longer in the library")
    successor = serializers.CharField(
        allow_null=True, help_text="The code that took a retired one's place, where it is known"
    )


class AddressTextField(TextField):
    """An address as people paste it: blanks around and characters that nobody sees are dropped."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        seen = (
            character if not unicodedata.category(character).startswith("C") else " "
            for character in unicodedata.normalize("NFC", data)
            if unicodedata.category(character) != "Cf"
        )
        text = "".join(seen).strip()
        if not text:
            self.fail("blank")
        return text


class ResolveRegionRequest(RequestSerializer):
    """``POST /regions/resolve``."""

    text = AddressTextField(
        max_length=MAX_TEXT,
        help_text="The address as it was written; other words around it do no harm",
    )


class PathStepSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()
    level = serializers.IntegerField(
        min_value=Region.Level.PROVINCE, max_value=Region.Level.TOWN, help_text=LEVELS
    )


class RegionCandidateSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="In use: never a retired one")
    path = PathStepSerializer(many=True, help_text="From the province down to the place")
    confidence = serializers.FloatField(
        min_value=0, max_value=1, help_text="Two decimals; from 0.80 it may be taken unseen"
    )


class ResolveRegionSerializer(serializers.Serializer[Any]):
    version = serializers.CharField(help_text="Release of the library")
    results = RegionCandidateSerializer(many=True, help_text="Best first, at most 10")


def region_row(region: Region) -> dict[str, Any]:
    """One row of a listing."""
    return {
        "code": region.code,
        "name": region.name,
        "level": region.level,
        "parent": region.parent_id,
        "has_children": region.has_children,
    }
