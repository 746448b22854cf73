"""What the page of a decision shows beside the kind's own description. Admins above register."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from openplatform.approvals.models import Approval


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A file that the decider looks at; ``url`` opens it for a few minutes."""

    url: str
    filename: str
    is_picture: bool


@dataclass(frozen=True, slots=True)
class KindPage:
    """What one kind has to show.

    :param subject_url: the page of the document or partner that is decided on; None when the
        reader finds none.
    :param list_files: proofs and the like.
    """

    subject_url: Callable[[Approval], str | None] | None = None
    list_files: Callable[[Approval], list[ShownFile]] | None = None


def amount_of(approval: Approval) -> str:
    """How much, or from how much to how much; what was approved when that is less."""
    data = {**approval.data, **approval.values}
    if "after" in data:
        return f"{Decimal(data['before']):,.2f} → {Decimal(data['after']):,.2f}"
    amount = data.get("approved_amount", data.get("amount"))
    return "-" if amount is None else f"{Decimal(amount):,.2f}"


PAGES: dict[str, KindPage] = {}


def register_page(kind: str, page: KindPage) -> None:
    """Tell what the page of a kind shows."""
    PAGES[kind] = page
