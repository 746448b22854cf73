"""What the platform wants of a provider of logistics, whoever it is."""

from __future__ import annotations

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import structlog

from openplatform.connectors.errors import Outcome, ProviderFault
from openplatform.connectors.models import MAX_PLACE, MAX_TEXT
from openplatform.connectors.parcels import ParcelStatus
from openplatform.core.clock import YEARS
from openplatform.core.errors import type_of_text
from openplatform.core.visible_text import HIDDEN_CATEGORIES

log = structlog.get_logger(__name__)

MAX_EVENTS = 500  # of one parcel
MAX_PUSHED = 100  # parcels of one push
AHEAD = timedelta(hours=24)  # clocks of others may go wrong by a zone, not by more
BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Access:
    """Where a provider is, and how we prove who we are."""

    base_url: str
    api_key: str
    timeout: float  # seconds for one call


@dataclass(frozen=True, slots=True)
class SaidEvent:
    """An event in the provider's words, times aside. ``word`` is its name for the status."""

    at: datetime
    word: str
    text: str
    place: str


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event in ours. ``status`` is None for a word that we do not know: it changes nothing, so
    the event has the status of the one before it.
    """

    at: datetime
    status: ParcelStatus | None
    text: str
    place: str


@dataclass(frozen=True, slots=True)
class Tracking:
    """What a provider knows of a parcel."""

    is_known: bool
    events: Sequence[EventDraft]
    status_code: int | None = None


@dataclass(frozen=True, slots=True)
class PushedParcel:
    """What a provider told us without being asked."""

    carrier_code: str
    waybill_no: str
    events: Sequence[EventDraft]


class LogisticsProvider(ABC):
    """One interface of logistics. A subclass speaks HTTP through ``core.outgoing`` only, holds no
    state between calls, and puts what it hears into our words.
    """

    title: ClassVar[type_of_text]
    statuses: ClassVar[Mapping[str, ParcelStatus]]  # from the provider's words

    def __init__(self, access: Access) -> None:
        self.access = access

    @abstractmethod
    def track(self, *, carrier_code: str, waybill_no: str) -> Tracking:
        """What is known of a parcel now.

        :raises ProviderFault: when there is no answer to work with.
        """

    @abstractmethod
    def read_push(self, value: Any) -> Sequence[PushedParcel]:
        """What a callback's JSON body tells; whose it is has been checked.

        :raises ProviderFault: ``unreadable``, when it is not what was agreed.
        """

    def in_our_words(self, said: Iterable[SaidEvent], *, now: datetime) -> list[EventDraft]:
        """Events by time, cleaned.

        :raises ProviderFault: ``unreadable``, for more events than a parcel can have, and for times
            that cannot be.
        """
        in_order = sorted(said, key=lambda event: event.at)
        if len(in_order) > MAX_EVENTS:
            raise ProviderFault(Outcome.UNREADABLE, f"more than {MAX_EVENTS} events")
        drafts = []
        for event in in_order:
            if event.at.year not in YEARS or event.at > now + AHEAD:
                raise ProviderFault(Outcome.UNREADABLE, "an event lies in the future or far back")
            status = self.statuses.get(event.word)
            if status is None:
                log.warning("parcel_status_unknown", word=in_one_line(event.word, MAX_PLACE))
            text = in_one_line(event.text, MAX_TEXT) or in_one_line(event.word, MAX_TEXT)
            drafts.append(EventDraft(event.at, status, text, in_one_line(event.place, MAX_PLACE)))
        return drafts


def in_one_line(text: str, max_length: int) -> str:
    """Text from outside, without line breaks and what cannot be seen, cut to a length."""
    plain = BLANKS.sub(" ", unicodedata.normalize("NFC", text))
    shown = "".join(
        character for character in plain if unicodedata.category(character) not in HIDDEN_CATEGORIES
    )
    return shown.strip()[:max_length].rstrip()
