"""Whatever the books, and whatever was done to the merchant's copy of them: each change is found,
and the bridge leads from their closing to ours to the cent.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciliation.documents import reconciliation_document
from reconciliation.services.comparing import compare_now
from tests.cast import make_regions
from tests.reconciliation.ledger_books import Movement, write_books
from tests.reconciliation.merchant_files import csv_of, results_of, upload, upload_only

OUTSIDE = (0, 32)
HEAD = ("merchant_order_no", "kind", "amount", "at")


@dataclass(frozen=True)
class Changed:
    """What was done to one row of the copy. ``cents`` is not zero."""

    kind: str
    cents: int


Subject = tuple[str, Decimal, Decimal, int, Changed, Changed]
amounts = st.integers(1, 99_999_999).map(lambda cents: Decimal(cents) / 100)
changes = st.builds(
    Changed,
    kind=st.sampled_from(
        ["none", "none", "none", "drop", "double", "amount", "sign", "invent", "outside"]
    ),
    cents=st.integers(-500_000, 500_000).filter(bool),
)
# An order with its payment, perhaps a refund; or a top-up. Each on a day of its own.
subjects = st.lists(
    st.tuples(
        st.sampled_from(["order", "order", "order", "refunded", "top_up", "unnamed"]),
        amounts, amounts, st.integers(1, 31), changes, changes,
    ),
    max_size=12,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _region(db: None) -> None:
    make_regions()


SLOW_FIXTURES = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=10, deadline=None, suppress_health_check=SLOW_FIXTURES)
@given(subjects=subjects, seed=st.integers(0, 2**16))
def test_every_change_is_found_and_the_bridge_is_exact(subjects: list[Subject], seed: int) -> None:
    check(subjects, seed)


@pytest.mark.prove
@settings(max_examples=300, deadline=None, suppress_health_check=SLOW_FIXTURES)
@given(subjects=subjects, seed=st.integers(0, 2**16))
def test_every_change_is_found_in_hundreds_of_books(subjects: list[Subject], seed: int) -> None:
    check(subjects, seed)


def check(subjects: list[Subject], seed: int) -> None:
    """Play it, compare, and find what was done."""
    books, theirs, expected = _play(subjects)
    random.Random(seed).shuffle(theirs)
    merchant, statement = write_books(books)

    content = csv_of(*(row.as_row() for row in theirs), head=HEAD)
    report = upload(merchant, content)

    found = results_of(report)
    assert Counter(row[1] for row in found) == expected
    assert report.row_count == len(theirs)
    bridge = {
        name: Decimal(amount) for name, amount in reconciliation_document(report)["bridge"].items()
    }
    their_sum = sum((row.amount for row in theirs), Decimal(0))
    assert bridge["opening"] == statement.opening_balance
    assert bridge["their_closing"] == bridge["opening"] + their_sum
    assert bridge["our_closing"] == statement.closing_balance
    steps = set(bridge) - {"opening", "their_closing", "our_closing"}
    assert bridge["their_closing"] + sum(bridge[step] for step in steps) == bridge["our_closing"]
    assert sum(Decimal(row[4] or 0) for row in found) == report.our_amount
    # The same file is the same report, and from scratch it comes to the same.
    assert upload(merchant, content).pk == report.pk
    report.rows.all()._raw_delete("default")
    report.delete()
    again = compare_now(pk=upload_only(merchant, content).pk)
    assert results_of(again) == found


def _play(
    subjects: list[Subject],
) -> tuple[list[Movement], list[Movement], Counter[str]]:
    """The books, the merchant's copy with what was done to it, and what is to be found."""
    books: list[Movement] = []
    theirs: list[Movement] = []
    expected: Counter[str] = Counter()
    for turn, (what, amount, refund, day, change, other) in enumerate(subjects):
        number = f"M-{turn}"
        if what == "top_up":
            movements = [(Movement("top_up", f"BANK-{turn}", amount, day), change)]
        elif what == "unnamed":  # known by its amount alone: no two are alike
            distinct = amount + 10_000_000 * (turn + 1)
            movements = [(Movement("top_up", "", distinct, day), Changed("none", 1))]
        else:
            movements = [(Movement("order_payment", number, -amount, day), change)]
            if what == "refunded":
                movements.append((Movement("refund", number, refund, day), other))
        for movement, done in movements:
            is_outside = done.kind == "outside"
            books.append(replace(movement, day=OUTSIDE[turn % 2]) if is_outside else movement)
            theirs += _copy_of(movement, done, turn, expected)
    return books, theirs, expected


def _copy_of(
    movement: Movement, done: Changed, turn: int, expected: Counter[str]
) -> list[Movement]:
    """What stands in the merchant's file for a movement."""
    match done.kind:
        case "drop":
            expected["missing_there"] += 1
            return []
        case "double":
            expected["matched"] += 1
            expected["duplicate"] += 1
            return [movement, movement]
        case "amount":
            expected["amount_differs"] += 1
            return [replace(movement, amount=movement.amount + Decimal(done.cents) / 100)]
        case "sign":
            expected["amount_differs"] += 1
            return [replace(movement, amount=-movement.amount)]
        case "invent":
            expected["matched"] += 1
            expected["missing_here"] += 1
            invented = replace(movement, number=f"NEVER-{turn}")
            return [movement, invented]
        case "outside":
            expected["missing_here"] += 1
            return [movement]
        case _:
            expected["matched"] += 1
            return [movement]
