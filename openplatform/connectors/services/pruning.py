"""Calls are kept until every bill for them is checked; words of carriers, as consignees are."""

from __future__ import annotations

from django.conf import settings

from openplatform.connectors.models import ProviderCall
from openplatform.core.pruning import prune
from openplatform.core.statements import send

CALLS_KEPT_DAYS = 400
WINDOW = 2_000  # primary keys of parcels that a statement looks through, to stay in its time-out

# What an older parcel with the same number left behind counts by itself.
ERASE = """
    DELETE FROM connectors_parcelevent event
    USING connectors_trackedparcel parcel
    WHERE event.parcel_id = parcel.id AND parcel.id BETWEEN %(first)s AND %(last)s
        AND (
            parcel.as_of < clock_timestamp() - make_interval(days => %(days)s)
            OR (parcel.as_of IS NULL OR event.at < parcel.counts_since)
                AND event.created_at < clock_timestamp() - make_interval(days => %(days)s)
        )
    RETURNING event.id
"""
BOUNDS = "SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM connectors_trackedparcel"


def prune_calls() -> int:
    """Daily job: forget calls of more than a year ago; how many there were."""
    return prune(ProviderCall.objects.all(), kept_days=CALLS_KEPT_DAYS)


def erase_parcel_events() -> int:
    """Daily job: forget what happened to parcels, ``CONSIGNEE_KEPT_DAYS`` after they were last told
    of: carriers name who signed, and where. How many events went; status and time of delivery stay.
    """
    erased = 0
    bounds = send(BOUNDS).rows()[0]
    for first in range(bounds[0], bounds[1] + 1, WINDOW):
        window = {"first": first, "last": first + WINDOW - 1, "days": settings.CONSIGNEE_KEPT_DAYS}
        erased += len(send(ERASE, window).rows())
    return erased
