"""Operators who change the same order at once, and orders that want the same last units."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from accounts.models import LedgerEntry, Wallet
from accounts.services.books import verify_books
from catalog.models import Sku, Stock
from openplatform.core.errors import DomainError, Refusal
from openplatform.core.locking import sqlstate_of
from orders.models import Closure, Order, Split, Suborder
from tests.cast import Merchant, World
from tests.orders.acts import pay, place, ship, stock_numbers, told
from tests.orders.changing import (
    close,
    close_all,
    everything,
    move,
    require_conserved,
    split_off,
)
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS = 20


@pytest.fixture
def order_no(shop: World, merchant: Merchant) -> str:
    """Paid: four of A from the north; the south has a few, too."""
    shop.make_sku("A", price="10.00", north=50, south=10)
    return str(pay(merchant, items=[("A", 4)])["order_no"])


def refusals(results: list[Any]) -> list[str]:
    """The codes of what was refused; nothing else may have been raised."""
    errors = [result for result in results if isinstance(result, DomainError)]
    assert len(errors) == sum(isinstance(result, BaseException) for result in results), results
    return [(error.first if isinstance(error, Refusal) else error).code for error in errors]


def require_told_in_order(merchant: Merchant) -> None:
    versions = [message.data["order"]["version"] for message in told(merchant)]
    assert versions == sorted(set(versions))  # each message has one of its own
    assert versions[-1] == Order.objects.get().version


def test_units_are_refunded_once_when_two_operators_close_them_at_once(
    merchant: Merchant, order_no: str
) -> None:
    results = race(*[lambda: close(f"{order_no}-1", {1: 3})] * 2)

    assert refusals(results) == ["quantity_exceeds_ordered"]
    assert Closure.objects.count() == LedgerEntry.objects.filter(kind="refund").count() == 1
    assert stock_numbers() == (49, 0, 1)
    require_conserved()
    require_told_in_order(merchant)
    assert verify_books().differences == []


def test_second_of_two_is_shown_the_order_again_when_both_looked_at_the_same(
    order_no: str,
) -> None:
    results = race(*[lambda: close(f"{order_no}-1", {1: 1}, expected_version=2)] * 2)

    assert refusals(results) == ["preview_outdated"]
    assert Closure.objects.count() == 1
    require_conserved()


def test_units_are_shipped_or_refunded_when_both_happen_at_once(
    merchant: Merchant, order_no: str
) -> None:
    results: list[Any] = race(lambda: ship(f"{order_no}-1"), lambda: close(f"{order_no}-1", {1: 1}))

    # Shipped first, nothing is left to close; closed first, the rest is shipped.
    assert refusals(results) in ([], ["order_state_conflict"])
    line = Suborder.objects.get().lines.get()
    assert line.shipped_quantity + line.closed_quantity == 4
    assert stock_numbers()[2] == 0
    assert Order.objects.get().status == "shipped"
    require_conserved()
    require_told_in_order(merchant)


def test_units_are_shipped_or_split_off_when_both_happen_at_once(
    merchant: Merchant, order_no: str
) -> None:
    results: list[Any] = race(
        lambda: ship(f"{order_no}-1"), lambda: split_off(f"{order_no}-1", {1: 1})
    )

    assert refusals(results) in ([], ["order_state_conflict"])
    parts = Suborder.objects.order_by("id")
    assert [part.status for part in parts] == ["shipped", "awaiting_shipment"][: len(parts)]
    require_conserved()
    require_told_in_order(merchant)


def test_suborder_is_split_once_when_two_operators_divide_it_at_once(
    merchant: Merchant, order_no: str
) -> None:
    results = race(*[lambda: split_off(f"{order_no}-1", {1: 2})] * 2)

    assert refusals(results) == ["field_invalid"]  # nothing would stay
    assert [part.order_no for part in Suborder.objects.order_by("id")] == [
        f"{order_no}-1", f"{order_no}-2"
    ]  # fmt: skip
    assert Split.objects.count() == 1
    require_conserved()
    require_told_in_order(merchant)


def test_all_of_it_is_closed_once_when_part_and_whole_are_closed_at_once(
    merchant: Merchant, order_no: str
) -> None:
    split_off(f"{order_no}-1", {1: 2})

    results: list[Any] = race(
        lambda: close_all(order_no),
        lambda: close(f"{order_no}-2"),
        lambda: move(f"{order_no}-1"),
    )

    assert set(refusals(results)) <= {"order_state_conflict"}
    order = Order.objects.get()
    assert (order.status, order.refunded_amount) == ("closed", order.total_amount)
    assert (stock_numbers()[2], stock_numbers(warehouse="south")[2]) == (0, 0)
    require_conserved()
    require_told_in_order(merchant)


def test_last_units_are_promised_once_when_an_order_and_a_move_want_them(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", price="10.00", north=5)
    moved = pay(merchant, "M-moved", items=[("A", 5)])["order_no"]
    new = shop.make_warehouse("new", "310115", ["110000"])
    Stock.objects.create(warehouse=new, sku=Sku.objects.get(code="A"), on_hand=5)

    results: list[Any] = race(
        lambda: move(f"{moved}-1", to="new", restock=False),
        lambda: place(merchant, "M-new", items=[("A", 1)])["order_no"],
    )

    row = Stock.objects.get(warehouse=new)
    if isinstance(results[1], AssertionError):  # the order was refused
        assert (row.on_hand, row.reserved, row.outgoing) == (0, 0, 5)
        assert "stock_insufficient" in str(results[1])
    else:
        assert refusals(results) == ["stock_insufficient"]
        assert (row.on_hand, row.reserved, row.outgoing) == (5, 1, 0)
    require_conserved()


def test_moves_across_each_other_reach_nobody_as_an_error(shop: World, merchant: Merchant) -> None:
    for code in ("A", "B", "C"):
        shop.make_sku(code, north=50, south=50)
    items = [("A", 1), ("B", 1), ("C", 1)]
    first, second = (pay(merchant, f"M-{n}", items=items)["order_no"] for n in (1, 2))
    move(f"{second}-1")

    for _round in range(5):
        there: list[Any] = race(
            lambda: move(f"{first}-1", to="south"),
            lambda: move(f"{second}-1", to="north"),
            lambda: place(merchant, f"M-{time.monotonic_ns()}", items=list(reversed(items))),
        )
        assert refusals(there) == []
        assert (
            refusals(
                race(
                    lambda: move(f"{first}-1", to="north"),
                    lambda: move(f"{second}-1", to="south"),
                )
            )
            == []
        )

    require_conserved()


@pytest.mark.parametrize("act", [close_all, lambda number: close(f"{number}-1", {1: 1})])
def test_nothing_is_changed_when_the_connection_breaks_before_the_refund_is_booked(
    order_no: str, act: Callable[[str], Any]
) -> None:
    """The wallet is the last to be locked: all the rest is written by then."""
    before = everything()
    raised: list[OperationalError] = []

    def run() -> None:
        try:
            act(order_no)
        except OperationalError as error:
            raised.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        Wallet.objects.select_for_update().get()
        worker = Thread(target=run)
        worker.start()
        _end_whoever_waits()
        worker.join(PATIENCE_SECONDS)

    assert [sqlstate_of(error) for error in raised] == ["57P01"]  # ended by an administrator
    assert everything() == before


def _end_whoever_waits() -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                " AND query LIKE '%accounts_wallet%'"
            )
            if cursor.rowcount:
                return
        time.sleep(0.01)
    raise AssertionError("nobody came to wait for the wallet")
