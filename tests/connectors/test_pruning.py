"""What carriers said goes in time; where parcels ended stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from openplatform.connectors.models import ParcelEvent, TrackedParcel
from openplatform.connectors.parcels import ParcelStatus
from openplatform.connectors.services.pruning import erase_parcel_events
from openplatform.core import clock
from openplatform.core.background import DAILY_JOBS

SIGNED = "已签收，签收人：张三 13800138000"

pytestmark = pytest.mark.django_db


def told(waybill_no: str, *, days_ago: float) -> TrackedParcel:
    """A parcel that was delivered, and last told of, so many days ago."""
    parcel = TrackedParcel.objects.create(
        carrier_code="sf",
        waybill_no=waybill_no,
        status=ParcelStatus.DELIVERED,
        delivered_at=clock.now() - timedelta(days=days_ago),
        as_of=Now() - timedelta(days=days_ago),
    )
    tell(parcel, days_ago=days_ago)
    return parcel


def tell(parcel: TrackedParcel, *, days_ago: float) -> ParcelEvent:
    at = clock.now() - timedelta(days=days_ago)
    return ParcelEvent.objects.create(
        parcel=parcel,
        at=at,
        created_at=at,
        status=ParcelStatus.DELIVERED,
        place="北京市 丰巢柜 12 号",
        text=SIGNED,
        digest=f"{at}".encode(),
    )


def test_events_go_and_status_stays_when_a_parcel_was_last_told_of_long_ago() -> None:
    old, recent = told("SF-1", days_ago=180.1), told("SF-2", days_ago=179.9)

    erased = [erase_parcel_events(), erase_parcel_events()]

    assert erased == [1, 0]
    assert list(ParcelEvent.objects.values_list("parcel", flat=True)) == [recent.pk]
    delivered_at = old.delivered_at
    old.refresh_from_db()
    assert (old.status, old.delivered_at) == (ParcelStatus.DELIVERED, delivered_at)


@pytest.mark.parametrize("is_told_of", [True, False])
def test_events_of_an_older_parcel_go_when_its_number_was_given_again(*, is_told_of: bool) -> None:
    parcel = told("SF-1", days_ago=200)
    parcel.counts_since = clock.now() - timedelta(days=40)
    parcel.as_of = clock.now() if is_told_of else None
    parcel.save()
    new = tell(parcel, days_ago=1)

    assert erase_parcel_events() == 1
    assert list(ParcelEvent.objects.all()) == [new]


def test_long_journey_keeps_its_first_events_when_the_parcel_is_still_told_of() -> None:
    parcel = told("SF-1", days_ago=1)
    tell(parcel, days_ago=200)

    assert erase_parcel_events() == 0


def test_worker_erases_daily() -> None:
    assert "openplatform.connectors.services.pruning.erase_parcel_events" in {
        job.function for job in DAILY_JOBS
    }
