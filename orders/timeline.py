"""The money of an order over time: what each moment moved, and whose part of the order bore it.

Refunds are documents of whoever made them. An app above orders that refunds tells here how its
documents divide over lines and freight (:func:`register_refunds`); the sum is the ledger's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from openplatform.core import money

# Which money of an order: (number of the suborder, line number); None is the suborder's freight.
Place = tuple[str, int | None]


class Kind(models.TextChoices):
    """What happened to the money."""

    HELD = "held", _("Held")
    RELEASED = "released", _("Released")
    PAID = "paid", _("Paid")
    SPLIT = "split", _("Split")
    REFUNDED = "refunded", _("Refunded")


@dataclass(frozen=True, slots=True)
class Share:
    """An amount at a place; of a line with its units, of freight without. Negative is what left
    this place for another one.
    """

    suborder_no: str
    line_no: int | None
    amount: Decimal
    quantity: int | None = None

    @property
    def place(self) -> Place:
        """Where."""
        return self.suborder_no, self.line_no


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that moved money. ``amount`` is zero for a split of the whole order.

    ``entry_no`` and ``balance_after`` are those of the ledger, where the balance moved.
    """

    at: datetime
    kind: Kind
    amount: Decimal
    shares: Sequence[Share]
    document_no: str | None = None
    entry_no: int | None = None
    balance_after: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Held now; paid altogether; refunded of it."""

    held: Decimal = money.ZERO
    paid: Decimal = money.ZERO
    refunded: Decimal = money.ZERO

    @property
    def net(self) -> Decimal:
        """What the merchant has paid and not got back."""
        return self.paid - self.refunded

    def after(self, kind: Kind, amount: Decimal) -> Totals:
        """With this on top. A split moves what was paid."""
        match kind:
            case Kind.HELD:
                return replace(self, held=self.held + amount)
            case Kind.RELEASED:
                return replace(self, held=self.held - amount)
            case Kind.PAID:
                return replace(self, held=self.held - amount, paid=self.paid + amount)
            case Kind.SPLIT:
                return replace(self, paid=self.paid + amount)
            case Kind.REFUNDED:
                return replace(self, refunded=self.refunded + amount)


Refunds = Callable[[Sequence[str]], Mapping[str, Sequence[Share]]]
REFUNDS: dict[str, Refunds] = {}


def register_refunds(document: str, read: Refunds) -> None:
    """Say how refunds by one kind of document divide over lines and freight.

    :param document: as the ledger names it (``LedgerEntry.document``).
    :param read: from numbers of documents to what each refunded where.
    """
    REFUNDS[document] = read


def undo_splits(
    shares: Iterable[Share], splits: Iterable[tuple[Sequence[Share], Sequence[Share]]]
) -> list[Share]:
    """How an order's money lay when it was placed, from how it lies now.

    :param splits: of each what left and what came of it, the first split first.
    """
    lying = {share.place: share for share in shares}
    for left, came in reversed(list(splits)):
        for share in came:
            _add(lying, share, sign=-1)
        for share in left:  # negative, so that taking it away puts it back
            _add(lying, share, sign=-1)
    return [share for share in lying.values() if share.amount or share.quantity]


def of_suborder(moments: Iterable[Moment], suborder_no: str) -> list[Moment]:
    """What concerns one part of the order, with its share of the amounts."""
    found = []
    for moment in moments:
        shares = [share for share in moment.shares if share.suborder_no == suborder_no]
        if shares:
            amount = sum((share.amount for share in shares), money.ZERO)
            found.append(replace(moment, shares=shares, amount=amount))
    return found


def run_up(moments: Iterable[Moment]) -> list[Totals]:
    """The totals after each moment."""
    totals, found = Totals(), []
    for moment in moments:
        totals = totals.after(moment.kind, moment.amount)
        found.append(totals)
    return found


def by_place(moments: Iterable[Moment]) -> dict[Place, Totals]:
    """What all moments together come to, for each line and each suborder's freight."""
    totals: dict[Place, Totals] = {}
    for moment in moments:
        for share in moment.shares:
            before = totals.get(share.place, Totals())
            totals[share.place] = before.after(moment.kind, share.amount)
    return totals


def _add(lying: dict[Place, Share], share: Share, *, sign: int) -> None:
    before = lying.get(share.place)
    if before is None:
        before = Share(share.suborder_no, share.line_no, money.ZERO, share.quantity and 0)
    quantity = None
    if share.quantity is not None:
        quantity = (before.quantity or 0) + sign * share.quantity
    lying[share.place] = replace(
        before, amount=before.amount + sign * share.amount, quantity=quantity
    )
