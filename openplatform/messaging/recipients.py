"""Who is mailed of what. The app that knows the people registers how to find them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person, and the language in which it reads.

    :param is_own_side: of the platform's own staff, who can be sent to the back office.
    """

    name: str
    email: str
    language: str
    is_own_side: bool = False


# From a topic, and the partner that it is about (None: it is about the platform itself).
Recipients = Callable[[str, int | None], Sequence[Recipient]]

_recipients: list[Recipients] = []


def register_recipients(recipients: Recipients) -> None:
    """Say who is told of a topic, by one statement: money may be locked while it runs."""
    _recipients[:] = [recipients]


def recipients_of(topic: str, partner_id: int | None) -> Sequence[Recipient]:
    """The people that are to have a mail on this topic."""
    return _recipients[0](topic, partner_id)
