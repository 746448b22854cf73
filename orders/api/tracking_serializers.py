"""What tracking answers, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from openplatform.connectors.parcels import ParcelStatus
from orders.api.serializers import CarrierSerializer


class ParcelEventSerializer(serializers.Serializer[Any]):
    """One thing that happened to a parcel."""

    at = serializers.DateTimeField()
    place = serializers.CharField(allow_null=True)
    text = serializers.CharField()
    status = serializers.ChoiceField(choices=ParcelStatus.choices)


class TrackingSerializer(serializers.Serializer[Any]):
    """Where a parcel is."""

    carrier = CarrierSerializer()
    waybill_no = serializers.CharField()
    shipment_nos = serializers.ListField(
        child=serializers.CharField(), help_text="The caller's shipments in this parcel"
    )
    status = serializers.ChoiceField(choices=ParcelStatus.choices)
    delivered_at = serializers.DateTimeField(allow_null=True)
    events = ParcelEventSerializer(many=True, help_text="In the order in which they happened")
    as_of = serializers.DateTimeField(
        allow_null=True, help_text="When it was heard; null when nothing was heard yet"
    )
    is_stale = serializers.BooleanField(help_text="More may be known by now: ask again shortly")
