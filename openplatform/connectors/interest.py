"""Whether anybody still waits for news of a parcel; apps above, whose parcels they are, say so."""

from __future__ import annotations

from collections.abc import Callable

Interest = Callable[[str, str], bool]

_INTERESTS: list[Interest] = []


def register_interest(interest: Interest) -> None:
    """Have a question asked before a parcel is asked about once more.

    :param interest: takes the code of the carrier and the waybill number.
    """
    if interest not in _INTERESTS:
        _INTERESTS.append(interest)


def is_awaited(carrier_code: str, waybill_no: str) -> bool:
    """Whether somebody waits for this parcel."""
    return any(interest(carrier_code, waybill_no) for interest in _INTERESTS)
