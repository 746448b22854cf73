"""The provider that the simulator plays (``manage.py logistics_simulator``).

It stands for what such interfaces have in common. We send ``GET /track?carrier=&waybill=`` with our
key in ``X-Api-Key``; the answer is

    {"carrier": "sf", "waybill": "SF1", "traces": [
        {"time": "2026-03-01T10:00:00+08:00", "state": "COLLECTED",
         "place": "上海市", "remark": "快件已揽收"}]}

404 means that it does not know the parcel; any other status is a failure. A push is a list of the
same objects under ``parcels``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from openplatform.connectors.errors import Outcome, ProviderFault
from openplatform.connectors.parcels import ParcelStatus
from openplatform.connectors.providers.asking import ask, require_ok
from openplatform.connectors.providers.base import (
    MAX_PUSHED,
    LogisticsProvider,
    PushedParcel,
    SaidEvent,
    Tracking,
)
from openplatform.core import clock

BODY_LIMIT = 256 * 1024  # bytes; 500 events take about half
NOT_FOUND = 404


class SimulatedLogistics(LogisticsProvider):
    """Talks to the simulator."""

    title = _("Simulator")
    statuses = {
        "COLLECTED": ParcelStatus.PICKED_UP,
        "TRANSIT": ParcelStatus.IN_TRANSIT,
        "DELIVERING": ParcelStatus.OUT_FOR_DELIVERY,
        "SIGNED": ParcelStatus.DELIVERED,
        "PROBLEM": ParcelStatus.EXCEPTION,
        "REJECTED": ParcelStatus.REFUSED,
        "SENDING_BACK": ParcelStatus.RETURNING,
        "SENT_BACK": ParcelStatus.RETURNED,
        "LOST": ParcelStatus.LOST,
    }

    def track(self, *, carrier_code: str, waybill_no: str) -> Tracking:
        answer = ask(
            self.access,
            "GET",
            "/track",
            parameters={"carrier": carrier_code, "waybill": waybill_no},
            body_limit=BODY_LIMIT,
        )
        status = answer.status
        if status == NOT_FOUND:
            return Tracking(is_known=False, events=[], status_code=status)
        require_ok(answer)
        try:
            value = json.loads(answer.body)
            pushed = self._read_parcel(value)
        except (ValueError, RecursionError) as error:
            raise ProviderFault(Outcome.UNREADABLE, "no JSON", status_code=status) from error
        except ProviderFault as fault:
            fault.status_code = status
            raise
        if (pushed.carrier_code, pushed.waybill_no) != (carrier_code, waybill_no):
            raise ProviderFault(Outcome.UNREADABLE, "another parcel", status_code=status)
        return Tracking(is_known=True, events=pushed.events, status_code=status)

    def read_push(self, value: Any) -> Sequence[PushedParcel]:
        parcels = value.get("parcels") if isinstance(value, dict) else None
        if not isinstance(parcels, list) or len(parcels) > MAX_PUSHED:
            raise ProviderFault(Outcome.UNREADABLE, f"no list of at most {MAX_PUSHED} parcels")
        return [self._read_parcel(parcel) for parcel in parcels]

    def _read_parcel(self, value: Any) -> PushedParcel:
        try:
            carrier, waybill, traces = value["carrier"], value["waybill"], value["traces"]
            said = [self._read_trace(trace) for trace in traces]
        except (TypeError, KeyError, ValueError) as error:
            raise ProviderFault(Outcome.UNREADABLE, "not what was agreed") from error
        if not (isinstance(carrier, str) and isinstance(waybill, str)):
            raise ProviderFault(Outcome.UNREADABLE, "not what was agreed")
        return PushedParcel(carrier, waybill, self.in_our_words(said, now=clock.now()))

    @staticmethod
    def _read_trace(trace: Any) -> SaidEvent:
        at = clock.from_text(trace["time"])
        word, remark, place = trace["state"], trace["remark"], trace.get("place") or ""
        if at is None or not all(isinstance(part, str) for part in (word, remark, place)):
            raise ValueError
        return SaidEvent(at, word, remark, place)
