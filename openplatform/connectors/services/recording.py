"""What became known of a parcel is written down, once, whoever told it and however often."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.db.models.functions import Now

from openplatform.connectors.models import ParcelEvent, TrackedParcel
from openplatform.connectors.parcels import FINAL, ParcelStatus
from openplatform.connectors.providers.base import EventDraft
from openplatform.core import clock
from openplatform.core.locking import require_transaction

SOON = timedelta(minutes=1)  # its orders follow first: they say whether anybody waits for it


def record_events(
    *,
    parcel_id: int,
    events: Sequence[EventDraft],
    provider_id: int | None,
    now: datetime,
    was_asked: bool = False,
) -> int:
    """Step: events of a parcel; those that are known already change nothing.

    1. Lock the parcel. 2. Add what is new. 3. Where the parcel is by now, which its newest event
    says, however late the others come; when that is another place than before, orders are to
    follow. A parcel of which nothing more is to come is not asked about any more; when it goes on
    nevertheless, lost and found, it is again.

    :param provider_id: who told; None for a file.
    :param was_asked: so that what was told is all there is; without, old news say nothing of today.
    :returns: how many were new.
    """
    require_transaction()
    parcel = TrackedParcel.objects.select_for_update(no_key=True).get(pk=parcel_id)
    known = list_events(parcel)
    since = parcel.counts_since
    counted = [event for event in events if since is None or event.at >= since]
    fresh = _list_fresh(parcel, known, counted, provider_id)
    ParcelEvent.objects.bulk_create(fresh)
    before = (parcel.status, parcel.delivered_at)
    if newest := max([*known, *fresh], key=lambda event: (event.at, event.pk), default=None):
        parcel.status = newest.status
        is_delivered = newest.status == ParcelStatus.DELIVERED
        parcel.delivered_at = newest.at if is_delivered else None
    if before != (parcel.status, parcel.delivered_at):
        parcel.version += 1
        parcel.follow_at = Now()
    if parcel.status in FINAL:
        parcel.refresh_at = None
    elif before[0] in FINAL:
        parcel.refresh_at = Now() + SOON
    if fresh or was_asked:
        parcel.as_of = max(parcel.as_of or now, now)
    if provider_id is not None:
        parcel.provider_id = provider_id
    parcel.save(
        update_fields=[
            "status", "delivered_at", "version", "follow_at", "refresh_at", "as_of", "provider",
        ]
    )  # fmt: skip
    return len(fresh)


def list_events(parcel: TrackedParcel) -> list[ParcelEvent]:
    """What happened to a parcel, in order; nothing of an older one that had its number."""
    events = ParcelEvent.objects.filter(parcel=parcel).order_by("at", "id")
    if parcel.counts_since is not None:
        events = events.filter(at__gte=parcel.counts_since)
    return list(events)


def find_parcels(*, waybill_nos: Collection[str]) -> dict[tuple[str, str], int]:
    """The tracked parcels with these waybill numbers, by carrier and number."""
    known = TrackedParcel.objects.filter(waybill_no__in=list(waybill_nos))
    return {
        (carrier, waybill): pk
        for carrier, waybill, pk in known.values_list("carrier_code", "waybill_no", "pk")
    }


def _list_fresh(
    parcel: TrackedParcel,
    known: Sequence[ParcelEvent],
    events: Sequence[EventDraft],
    provider_id: int | None,
) -> list[ParcelEvent]:
    """What is new of what was told.

    Providers word the same scan differently, but its time and status are the carrier's own. So
    what somebody else told already is not told twice; of one and the same teller all words count.
    """
    digests = {bytes(event.digest) for event in known}
    told_by_others = {
        (event.at, event.status) for event in known if event.provider_id != provider_id
    }
    timeline: list[ParcelEvent] = list(known)
    fresh = []
    for draft in sorted(events, key=lambda draft: draft.at):
        digest = _digest_of(draft)
        status = draft.status or _status_at(timeline, draft.at)
        if digest in digests or (draft.at, status) in told_by_others:
            continue
        digests.add(digest)
        event = ParcelEvent(
            parcel=parcel,
            provider_id=provider_id,
            at=draft.at,
            status=status,
            place=draft.place,
            text=draft.text,
            digest=digest,
        )
        timeline.append(event)
        fresh.append(event)
    return fresh


def _status_at(timeline: Sequence[ParcelEvent], at: datetime) -> str:
    """Where the parcel was at a moment; of events of one moment, what was told last."""
    earlier = sorted((event for event in timeline if event.at <= at), key=lambda event: event.at)
    return earlier[-1].status if earlier else ParcelStatus.IN_TRANSIT


def _digest_of(draft: EventDraft) -> bytes:
    told = "\0".join((clock.to_text(draft.at) or "", draft.status or "", draft.place, draft.text))
    return hashlib.sha256(told.encode()).digest()
