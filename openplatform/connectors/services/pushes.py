"""A provider told us of parcels without being asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from django.utils.translation import gettext_lazy as _

from openplatform.connectors.errors import ProviderFault
from openplatform.connectors.models import Provider
from openplatform.connectors.providers.base import PushedParcel
from openplatform.connectors.services.calling import driver_of
from openplatform.connectors.services.recording import find_parcels, record_events
from openplatform.core.errors import FieldInvalid
from openplatform.core.locking import transactional

log = structlog.get_logger(__name__)


def receive_push(*, provider: Provider, value: Any, now: datetime) -> int:
    """How many events were new. Parcels that nobody here asked about are passed over, and
    those of carriers that it does not serve.

    :param value: the JSON body, whose signature holds.
    :raises FieldInvalid: when it is not what was agreed; nothing is written then.
    """
    try:
        parcels = driver_of(provider).read_push(value)
    except ProviderFault as fault:
        log.warning("push_unreadable", provider=provider.code, error=fault.text)
        raise FieldInvalid(_("The callback is not what was agreed")) from fault
    recorded = _record(provider=provider, parcels=parcels, now=now)
    log.info("push_received", provider=provider.code, parcels=len(parcels), recorded=recorded)
    return recorded


@transactional
def _record(*, provider: Provider, parcels: Sequence[PushedParcel], now: datetime) -> int:
    known = find_parcels(waybill_nos=[parcel.waybill_no for parcel in parcels])
    told = [
        (known[key], parcel)
        for parcel in parcels
        if (key := (parcel.carrier_code, parcel.waybill_no)) in known
        and (not provider.carriers or parcel.carrier_code in provider.carriers)
    ]
    return sum(
        record_events(parcel_id=pk, events=parcel.events, provider_id=provider.pk, now=now)
        for pk, parcel in sorted(told, key=lambda pair: pair[0])  # locked by primary key
    )
