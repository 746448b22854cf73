"""How the money of an order is followed through its moments."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from orders.timeline import (
    Kind,
    Moment,
    Share,
    Totals,
    by_place,
    of_suborder,
    run_up,
    undo_splits,
)

AT = datetime(2026, 1, 31, tzinfo=UTC)


def share(suborder: str, line: int | None, amount: str, quantity: int | None = None) -> Share:
    return Share(suborder, line, Decimal(amount), quantity)


def moment(kind: Kind, amount: str, *shares: Share) -> Moment:
    return Moment(AT, kind, Decimal(amount), shares)


def totals(held: str, paid: str, refunded: str) -> Totals:
    return Totals(Decimal(held), Decimal(paid), Decimal(refunded))


PLACED = (share("X-1", 1, "30.00", 3), share("X-1", None, "8.00"))
MOVED = (
    share("X-1", 1, "-10.00", -1),
    share("X-1", None, "-2.67"),
    share("X-2", 2, "10.00", 1),
    share("X-2", None, "2.67"),
)
STORY = [
    moment(Kind.HELD, "38.00", *PLACED),
    moment(Kind.PAID, "38.00", *PLACED),
    moment(Kind.SPLIT, "0.00", *MOVED),
    moment(Kind.REFUNDED, "12.67", share("X-2", 2, "10.00", 1), share("X-2", None, "2.67")),
]


def test_totals_run_up() -> None:
    assert run_up(STORY) == [
        totals("38.00", "0.00", "0.00"),
        totals("0.00", "38.00", "0.00"),
        totals("0.00", "38.00", "0.00"),
        totals("0.00", "38.00", "12.67"),
    ]
    assert run_up(STORY)[-1].net == Decimal("25.33")


def test_release_ends_the_hold_and_pays_nothing() -> None:
    released = run_up([STORY[0], moment(Kind.RELEASED, "38.00", *PLACED)])[-1]

    assert (released, released.net) == (totals("0.00", "0.00", "0.00"), Decimal("0.00"))


def test_every_place_has_its_totals() -> None:
    assert by_place(STORY) == {
        ("X-1", 1): totals("0.00", "20.00", "0.00"),
        ("X-1", None): totals("0.00", "5.33", "0.00"),
        ("X-2", 2): totals("0.00", "10.00", "10.00"),
        ("X-2", None): totals("0.00", "2.67", "2.67"),
    }


@pytest.mark.parametrize(
    ("suborder_no", "amounts"),
    [("X-1", ["38.00", "38.00", "-12.67"]), ("X-2", ["12.67", "12.67"]), ("X-3", [])],
)
def test_part_has_its_share_of_each_moment(suborder_no: str, amounts: list[str]) -> None:
    own = of_suborder(STORY, suborder_no)

    assert [str(moment.amount) for moment in own] == amounts


def test_order_is_as_it_was_placed_when_its_splits_are_undone() -> None:
    first = (
        [share("X-1", 1, "-30.00", -3), share("X-1", None, "-4.00")],
        [share("X-2", 3, "30.00", 3), share("X-2", None, "4.00")],
    )
    second = (
        [share("X-2", 3, "-30.00", -3), share("X-2", None, "-4.00")],
        [share("X-3", 3, "30.00", 3), share("X-3", None, "4.00")],
    )
    now = [
        share("X-1", 1, "20.00", 2),
        share("X-1", None, "4.00"),
        share("X-2", None, "0.00"),
        share("X-3", 3, "30.00", 3),
        share("X-3", None, "4.00"),
    ]

    assert undo_splits(now, [first, second]) == [
        share("X-1", 1, "50.00", 5),
        share("X-1", None, "8.00"),
    ]
    assert undo_splits(PLACED, []) == list(PLACED)
