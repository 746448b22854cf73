"""Where an order goes: the region that was named, or the one that its address tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openplatform.core.errors import DomainError, FieldInvalid, NotFound
from openplatform.regions.errors import RegionUnknown
from openplatform.regions.models import Region
from openplatform.regions.selectors import resolve_region
from orders.errors import RegionAmbiguous
from orders.requests import Consignee

SURE = 0.8  # from here on the first candidate may be taken unseen


@dataclass(frozen=True, slots=True)
class Destination:
    """A region's code, None while nothing tells it surely.

    ``confidence`` and ``candidates`` are those of an address, None for a region that was named.
    """

    region: str | None
    confidence: float | None = None
    candidates: Sequence[Mapping[str, Any]] | None = None

    def fault(self, place: Mapping[str, Any]) -> DomainError | None:
        """Why nothing can be delivered there.

        :param place: what the library knows of the region: ``level`` (None for an unknown one) and
            ``has_children``.
        """
        is_known = place["level"] is not None
        if is_known and (place["level"] >= Region.Level.DISTRICT or not place["has_children"]):
            return None
        if self.candidates is not None:
            return RegionAmbiguous(pointer="/consignee/address", candidates=self.candidates)
        if is_known:
            return FieldInvalid(pointer="/consignee/region", reason="name_a_district")
        return RegionUnknown(pointer="/consignee/region")


def find_destination(consignee: Consignee) -> Destination:
    """Where a consignee is. An address takes a statement, a region that is named takes none."""
    if consignee.region is not None:
        return Destination(consignee.region)
    try:
        candidates = resolve_region(text=consignee.address)["results"]
    except NotFound:  # no library is loaded
        candidates = []
    if candidates and candidates[0]["confidence"] >= SURE:
        best = candidates[0]
        return Destination(best["code"], best["confidence"], candidates)
    return Destination(None, None, candidates)
