"""Random months: bills come to the same whenever and in however many steps they are settled, and to
what a reckoning finds that knows nothing of how they are settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import LedgerEntry, Partner
from reconciliation.models import Bill, BillPayment
from reconciliation.services import settling
from reconciliation.services.settling import settle_bills
from tests.cast import make_merchant
from tests.reconciliation.bill_rows import issue, let_month_pass, write_entry, write_statement

CENT = Decimal("0.01")
NUMBERS = count()


@dataclass(frozen=True)
class Entry:
    """Money in (positive) or out, in cents."""

    cents: int


@dataclass(frozen=True)
class Close:
    """A month ended, so many entries before its statement was made; or too late for a bill."""

    lag: int
    is_billed: bool


@dataclass(frozen=True)
class Settle:
    """Somebody looks; a worker that was begun anew does not know how far it was."""

    forgets: bool


Step = Entry | Close | Settle
STEPS = st.lists(
    st.one_of(
        st.integers(1, 300).map(Entry),
        st.integers(-300, -1).map(Entry),
        st.builds(Close, st.integers(0, 3), st.sampled_from([True, True, True, False])),
        st.builds(Settle, st.booleans()),
    ),
    min_size=4,
    max_size=25,
)


def reckon(entries: Sequence[int], closings: Sequence[int]) -> list[tuple[int, int]]:
    """Amount and what was paid of each bill, from the ledger read once from front to end.

    :param closings: by its last entry each month that was billed.
    """
    bills: list[list[int]] = []
    balance = 0

    def close(entry_no: int) -> None:
        for _closing in [closing for closing in closings if closing == entry_no]:
            asked = sum(amount - paid for amount, paid in bills)
            if (amount := max(0, -balance) - asked) > 0:
                bills.append([amount, 0])

    close(0)
    for entry_no, cents in enumerate(entries, start=1):
        balance += cents
        left = max(cents, 0)
        for bill in bills:
            part = min(left, bill[0] - bill[1])
            bill[1] += part
            left -= part
        close(entry_no)
    return [(amount, paid) for amount, paid in bills]


@pytest.mark.parametrize(
    "examples", [15, pytest.param(400, marks=pytest.mark.prove)], ids=["some", "many"]
)
def test_paid_and_outstanding_are_what_was_in_use(
    db: None, monkeypatch: pytest.MonkeyPatch, examples: int
) -> None:
    @settings(
        max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(steps=STEPS, batch=st.sampled_from([2, 1000]))
    def run(steps: list[Step], batch: int) -> None:
        monkeypatch.setattr(settling, "BATCH", batch)
        partner = make_merchant(f"m{next(NUMBERS)}", balance="0.00", credit_limit="9999.00").partner
        closings = play(partner, steps)
        settle_bills()
        entries = list(
            LedgerEntry.objects.filter(partner=partner)
            .order_by("entry_no")
            .values_list("amount", flat=True)
        )
        bills = list(Bill.objects.filter(partner=partner).order_by("id"))

        expected = reckon([int(amount / CENT) for amount in entries], closings)
        assert [(int(b.amount / CENT), int(b.paid_amount / CENT)) for b in bills] == expected
        assert_payments(bills, entries)

        write_entry(partner, Decimal(100_000))
        settle_bills()
        assert not Bill.objects.exclude(status="paid").exists()

    run()


def play(partner: Partner, steps: Sequence[Step]) -> list[int]:
    """Do what the steps say; the closing entry of each month that could be billed."""
    closings: list[int] = []
    last, closed = 0, 0
    for step in steps:
        match step:
            case Entry(cents):
                last = write_entry(partner, cents * CENT)
            case Settle(forgets):
                if forgets:
                    settling._looked_to.clear()
                settle_bills()
            case Close(lag, is_billed):
                closed = max(closed, last - lag)
                statement = write_statement(partner, closing=closed)
                if is_billed:
                    bill = issue(statement)
                    closings.append(closed)
                    asked = outstanding_at(partner, closed)
                    assert asked == max(Decimal(0), -(statement.closing_balance or Decimal(0)))
                    assert bill is None or bill.amount > 0
                let_month_pass(partner)
    return closings


def outstanding_at(partner: Partner, closing: int) -> Decimal:
    """What all bills ask for when what came in later is left out."""
    amount = sum(bill.amount for bill in Bill.objects.filter(partner=partner))
    rows = BillPayment.objects.filter(bill__partner=partner, entry_no__lte=closing)
    return Decimal(amount - sum(payment.amount for payment in rows))


def assert_payments(bills: Sequence[Bill], entries: Sequence[Decimal]) -> None:
    """No entry pays more than came in with it, none pays what closed after it, and a newer bill is
    paid only by what the older ones left.
    """
    used: dict[int, Decimal] = {}
    reached = 0
    for bill in bills:
        closing = bill.statement.closing_entry_no
        assert closing is not None
        rows = list(bill.payments.order_by("entry_no"))
        assert sum(payment.amount for payment in rows) == bill.paid_amount
        for payment in rows:
            assert payment.entry_no > closing
            assert payment.entry_no >= reached
            reached = payment.entry_no
            used[payment.entry_no] = used.get(payment.entry_no, Decimal(0)) + payment.amount
    for entry_no, amount in used.items():
        assert amount <= entries[entry_no - 1]


@pytest.mark.parametrize(
    ("entries", "closings", "bills"),
    [
        ([-100, 40, 80, -50], [1, 3, 4], [(100, 100), (30, 0)]),
        ([-100, -50, 120], [1, 2], [(100, 100), (50, 20)]),
        ([-100, 150], [1, 2], [(100, 100)]),
        ([50, 50], [2], []),
    ],
)
def test_reckoning_is_right_when_done_by_hand(
    entries: list[int], closings: list[int], bills: list[tuple[int, int]]
) -> None:
    assert reckon(entries, closings) == bills
