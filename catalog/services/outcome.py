"""What a step that writes many rows made of them."""

from __future__ import annotations

from typing import NamedTuple


class Outcome(NamedTuple):
    """Numbers of the items given to the step, by what became of them."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
