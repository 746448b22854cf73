"""One document's rows in their file, held against its entries in our ledger."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from orders.states import ORDER_TRANSITIONS, OrderStatus
from reconciliation.comparing.cells import MOVED
from reconciliation.models import ReconciliationRow

R, C = ReconciliationRow.Result, ReconciliationRow.Cause
# Whose entry stands in the ledger was paid, whatever it was called while it waited.
NEVER_BOOKED = frozenset({"pending_payment"})
# Theirs and ours that say the same of what was moved.
SAME = frozenset(
    {
        ("refunded", "closed"), ("approved", "refunded"), ("paid", "refunded"),
        ("completed", "refunded"), ("paid", "approved"), ("completed", "approved"),
    }
)  # fmt: skip


class Theirs(NamedTuple):
    """A row of the file, as it is read back from the table of its rows."""

    row: int
    kind: str
    merchant_order_no: str
    merchant_aftersale_no: str
    amount: Decimal
    at: str
    status: str
    state: str
    key: str


class Ours(NamedTuple):
    """An entry of the ledger with what it is matched by. ``state`` of its order or claim is as it
    is now, blank where there is none.
    """

    entry_no: int
    kind: str
    amount: Decimal
    created_at: datetime
    document: str
    document_no: str
    order_no: str
    suborder_no: str
    aftersale_no: str
    merchant_aftersale_no: str
    merchant_order_no: str
    state: str
    key: str


@dataclass(slots=True)
class Outcome:
    """A row of the report. ``beside`` is an entry that explains a row it is not held against: the
    one that a duplicate repeats, one of another period, or a refund of which the row is a part.
    """

    result: str
    theirs: Theirs | None = None
    ours: Ours | None = None
    beside: Ours | None = None
    cause: str = ""
    order_no: str = ""
    our_state: str = ""


def match_group(theirs: Sequence[Theirs], ours: Sequence[Ours]) -> Iterator[Outcome]:
    """What became of the rows and entries of one kind and one document number.

    1. Rows and entries of the same amount belong together: first those that name the same claim,
       then those of which one names none. Among equals, the earlier ones of both sides.
    2. A row left over that names the claim of a matched one, with its amount, repeats it.
    3. What is left on both sides pairs in the same order of preference: the amounts differ.
    4. A row left over now that equals a matched one repeats it; any other is missing here.
    5. An entry left over is missing there.
    6. Refunds that differ, and what is left over beside them, are the same refunds in other parts
       when both sides come to the same.

    :param theirs: by their place in the file.
    :param ours: by their number.
    """
    if len(theirs) == len(ours) == 1 and _are_alike(theirs[0], ours[0]):  # as most groups are
        yield _agreed(theirs[0], ours[0])
        return
    yield from _explained(list(_match_each(_Group(theirs, ours))))


def _match_each(group: _Group) -> Iterator[Outcome]:
    yield from group.pair(lambda t: (t.merchant_aftersale_no, t.amount), _claim_and_amount, _agreed)
    yield from group.pair(lambda t: t.amount, lambda o: o.amount, _agreed, strict=False)
    yield from group.repeated(only_claims=True)
    yield from group.pair(
        lambda t: t.merchant_aftersale_no, lambda o: o.merchant_aftersale_no, _differing
    )
    yield from group.pair(lambda t: None, lambda o: None, _differing, strict=False)
    yield from group.repeated(only_claims=False)
    for left in group.theirs.values():
        yield Outcome(R.MISSING_HERE, theirs=left)
    for entry in group.ours.values():
        yield Outcome(R.MISSING_THERE, ours=entry)


def _explained(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """The same, with the cause of step 6."""
    differing = [o for o in outcomes if o.result == R.AMOUNT_DIFFERS]
    if not differing or differing[0].ours is None or differing[0].ours.kind != "refund":
        return outcomes
    left = [o for o in outcomes if o.result in {R.MISSING_HERE, R.MISSING_THERE}]
    their_sum = sum(o.theirs.amount for o in (*differing, *left) if o.theirs)
    our_sum = sum(o.ours.amount for o in (*differing, *left) if o.ours)
    if their_sum == our_sum:
        for outcome in (*differing, *left):
            outcome.cause = C.PARTIAL_REFUND
            if outcome.ours is None:
                outcome.beside = differing[0].ours
    return outcomes


class _Group:
    def __init__(self, theirs: Sequence[Theirs], ours: Sequence[Ours]) -> None:
        self.theirs = {row.row: row for row in theirs}
        self.ours = {entry.entry_no: entry for entry in ours}
        self._matched: dict[tuple[str, Decimal], Ours] = {}

    def pair(
        self,
        key_of_theirs: Callable[[Theirs], Hashable],
        key_of_ours: Callable[[Ours], Hashable],
        told: Callable[[Theirs, Ours], Outcome],
        *,
        strict: bool = True,
    ) -> Iterator[Outcome]:
        """Pairs of equal keys, which are left over no longer.

        :param strict: with the same claim or none on both sides; else one side may be silent.
        """
        if not self.ours:
            return
        waiting: dict[Hashable, deque[Ours]] = defaultdict(deque)
        for entry in self.ours.values():
            waiting[key_of_ours(entry)].append(entry)
        for row in list(self.theirs.values()):
            alike = waiting.get(key_of_theirs(row))
            found = _take(alike, row, strict=strict) if alike else None
            if found is None:
                continue
            del self.theirs[row.row], self.ours[found.entry_no]
            if row.amount == found.amount:
                self._matched.setdefault((row.merchant_aftersale_no, row.amount), found)
            yield told(row, found)

    def repeated(self, *, only_claims: bool) -> Iterator[Outcome]:
        """Rows that equal a matched one."""
        for row in list(self.theirs.values()):
            if only_claims and not row.merchant_aftersale_no:
                continue
            entry = self._matched.get((row.merchant_aftersale_no, row.amount))
            if entry is not None:
                del self.theirs[row.row]
                yield Outcome(R.DUPLICATE, theirs=row, beside=entry)


def _take(waiting: deque[Ours], row: Theirs, *, strict: bool) -> Ours | None:
    """The first that may be the row's. A claim that both name has to be the same one."""
    if strict or not row.merchant_aftersale_no:
        return waiting.popleft() if waiting else None
    for place, entry in enumerate(waiting):
        if not entry.merchant_aftersale_no:
            del waiting[place]
            return entry
    return None


def _are_alike(row: Theirs, entry: Ours) -> bool:
    """What step 1 would make a pair of."""
    claims = {row.merchant_aftersale_no, entry.merchant_aftersale_no} - {""}
    return row.amount == entry.amount and len(claims) <= 1


def _claim_and_amount(entry: Ours) -> Hashable:
    return entry.merchant_aftersale_no, entry.amount


def _agreed(row: Theirs, entry: Ours) -> Outcome:
    result = R.MATCHED if agrees(row.state, entry.state) else R.STATE_DIFFERS
    return Outcome(result, theirs=row, ours=entry)


def _differing(row: Theirs, entry: Ours) -> Outcome:
    return Outcome(R.AMOUNT_DIFFERS, theirs=row, ours=entry)


def agrees(theirs: str, ours: str) -> bool:
    """Whether a state in the file fits ours.

    Theirs was written when the file was, so a state that ours may have come from since is none that
    differs. A row without a state, and one that only says that the money moved, fit everything.
    """
    if theirs in {"", MOVED, ours} or not ours or (theirs, ours) in SAME:
        return True
    if theirs in NEVER_BOOKED or theirs not in OrderStatus.values or ours not in OrderStatus.values:
        return False
    return OrderStatus(ours) in _later_than(OrderStatus(theirs))


def _later_than(status: OrderStatus) -> frozenset[OrderStatus]:
    found: set[OrderStatus] = set()
    coming = [status]
    while coming:
        for following in ORDER_TRANSITIONS[coming.pop()] - found:
            found.add(following)
            coming.append(following)
    return frozenset(found)
