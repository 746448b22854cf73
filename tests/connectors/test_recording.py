"""What is written down of a parcel."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import transaction

from openplatform.connectors.models import ParcelEvent, TrackedParcel
from openplatform.connectors.parcels import ParcelStatus
from openplatform.connectors.providers.base import EventDraft
from openplatform.connectors.services.recording import record_events

AT = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)


@pytest.mark.django_db
def test_word_that_we_do_not_know_follows_the_last_of_several_events_of_one_second() -> None:
    parcel = TrackedParcel.objects.create(carrier_code="sf", waybill_no="SF-1")
    told = [
        EventDraft(AT, ParcelStatus.PICKED_UP, "picked up", ""),
        EventDraft(AT, ParcelStatus.IN_TRANSIT, "sorted", ""),
        EventDraft(AT, None, "held by customs", ""),
    ]

    with transaction.atomic():
        record_events(parcel_id=parcel.pk, events=told, provider_id=None, now=AT)

    parcel.refresh_from_db()
    assert parcel.status == "in_transit"
    assert list(ParcelEvent.objects.order_by("id").values_list("status", flat=True)) == [
        "picked_up",
        "in_transit",
        "in_transit",
    ]
