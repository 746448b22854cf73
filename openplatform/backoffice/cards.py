"""The cards of the first page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Card:
    """One number, and where it leads."""

    title: str
    value: str
    icon: str
    url: str
    note: str = ""
    is_alert: bool = False
    topic: str = ""  # of the mails about it
    owner: str = ""  # who of our own side is told of it, while it is an alert
