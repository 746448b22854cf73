"""Orders and the books of accounts: holds are the open orders, entries the paid ones."""

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta
from functools import partial
from threading import Event

import pytest

from accounts.models import HoldEntry, LedgerEntry
from accounts.services.books import verify_books
from openplatform.core import clock
from orders.models import Order
from orders.services.cancellation import expire_due_orders, expire_order
from tests.accounts.damaging import (  # noqa: F401 - fixtures
    books_db,
    damage,
    find_differences,
    repeatable_read,
)
from tests.cast import Merchant, World, make_merchant
from tests.orders.acts import let_expire, pay, place, ship
from tests.racing import race

while_others_write = pytest.mark.django_db(transaction=True)
A_MOMENT = timedelta(microseconds=1)


@pytest.fixture
def orders(books_db: None, shop: World, merchant: Merchant) -> dict[str, str]:  # noqa: F811
    """An order in every state, by state: its number. Each costs 18.00."""
    shop.make_sku("A", price="10.00", north=50)
    numbers = {
        "pending_payment": place(merchant, "M-pending")["order_no"],
        "cancelled": place(merchant, "M-cancelled")["order_no"],
        "expired": place(merchant, "M-expired")["order_no"],
        "paid": pay(merchant, "M-paid")["order_no"],
        "partly_shipped": pay(merchant, "M-partly", items=[("A", 2)])["order_no"],
        "shipped": pay(merchant, "M-shipped")["order_no"],
    }
    assert merchant.api.post(f"/orders/{numbers['cancelled']}/cancel").status_code == 200
    let_expire(numbers["expired"])
    assert expire_due_orders() == 1
    ship(f"{numbers['partly_shipped']}-1", {1: 1}, waybill_no="SF-1")
    ship(f"{numbers['shipped']}-1", waybill_no="SF-2")
    found = dict(Order.objects.values_list("status", "order_no"))
    assert found == numbers
    return numbers


def list_moments(numbers: dict[str, str]) -> list[datetime]:
    """Every stamp, the moments beside it, and some at random."""
    stamps = [
        *HoldEntry.objects.values_list("created_at", flat=True),
        *LedgerEntry.objects.values_list("created_at", flat=True),
    ]
    for column in ("created_at", "updated_at", "paid_at", "cancelled_at"):
        stamps += Order.objects.exclude(**{column: None}).values_list(column, flat=True)
    dice = random.Random(8)
    first, last = min(stamps), max(stamps)
    return sorted(
        {at + shift for at in stamps for shift in (-A_MOMENT, 0 * A_MOMENT)}
        | {first + (last - first) * dice.random() for _ in range(20)}
    )


def test_everything_agrees_at_every_moment_when_there_are_orders_in_every_state(
    orders: dict[str, str],
) -> None:
    now = verify_books()
    then = [verify_books(as_of=at) for at in list_moments(orders)]

    assert now.differences == []
    assert (now.wallets, now.entries, now.holds) == (1, 4, 11)
    assert [report.differences for report in then] == [[]] * len(then)
    assert [report.holds for report in then] == sorted(report.holds for report in then)


@pytest.mark.parametrize(
    ("state", "column", "kind"),
    [("pending_payment", "created_at", "held"), ("paid", "paid_at", "paid")],
)
def test_whole_pair_is_not_reported_when_the_time_falls_between_its_stamps(
    orders: dict[str, str], state: str, column: str, kind: str
) -> None:
    order = Order.objects.get(order_no=orders[state])
    hold = HoldEntry.objects.get(order_no=orders[state], kind=kind)
    stamped: datetime = getattr(order, column)
    between = stamped + (hold.created_at - stamped) / 2
    assert stamped < between < hold.created_at

    assert find_differences(between) == []

    damage("DELETE FROM accounts_holdentry WHERE id = %s", [hold.pk])
    named = [row for row in find_differences(between) if row[0] == "order_without_hold"]
    assert [row[2] for row in named] == [f"order {orders[state]}"]
    assert "order_without_hold" not in {row[0] for row in find_differences(stamped - A_MOMENT)}


def test_whole_pair_is_not_reported_when_the_clocks_disagree(orders: dict[str, str]) -> None:
    """The web server's clock is ahead of the database's: the order's stamp is the later one."""
    order = Order.objects.get(order_no=orders["paid"])
    entry = LedgerEntry.objects.get(order_no=order.order_no)
    damage(
        "UPDATE orders_order SET paid_at = %s WHERE id = %s",
        [entry.created_at + timedelta(milliseconds=4), order.pk],
    )

    assert find_differences(entry.created_at + timedelta(milliseconds=2)) == []
    assert find_differences() == []


@pytest.mark.parametrize(
    ("state", "to", "differences"),
    [
        (
            "pending_payment",
            "paid",
            [
                ("document_without_entry", "order_payment -18.00", None),
                ("order_without_hold", "paid -18.00", None),
            ],
        ),
        ("pending_payment", "cancelled", [("order_without_hold", "released -18.00", None)]),
        ("pending_payment", "expired", [("order_without_hold", "released -18.00", None)]),
        ("cancelled", "pending_payment", [("hold_without_order", None, "released -18.00")]),
        ("cancelled", "expired", []),
        (
            "cancelled",
            "paid",
            [
                ("document_without_entry", "order_payment -18.00", None),
                ("hold_kind", "paid", "released"),
            ],
        ),
        (
            "paid",
            "cancelled",
            [
                ("entry_without_document", None, "order_payment -18.00"),
                ("hold_kind", "released", "paid"),
            ],
        ),
        ("paid", "closed", []),
    ],
)
def test_order_is_named_when_its_state_is_not_that_of_its_hold(
    orders: dict[str, str],
    state: str,
    to: str,
    differences: list[tuple[str, str | None, str | None]],
) -> None:
    damage("UPDATE orders_order SET status = %s WHERE order_no = %s", [to, orders[state]])

    document = f"order {orders[state]}"
    assert find_differences() == [
        (check, "acme", document, expected, found) for check, expected, found in differences
    ]


def test_order_is_named_when_its_amount_is_not_what_was_held_and_paid(
    orders: dict[str, str],
) -> None:
    damage(
        "UPDATE orders_order SET goods_amount = 11, total_amount = 19 WHERE order_no = %s",
        [orders["paid"]],
    )

    document = f"order {orders['paid']}"
    assert sorted(find_differences()) == [
        ("entry_amount", "acme", document, "-19.00", "-18.00"),
        ("hold_amount", "acme", document, "-19.00", "-18.00"),
        ("hold_amount", "acme", document, "19.00", "18.00"),
    ]


def test_order_is_named_when_it_is_of_another_partner(orders: dict[str, str]) -> None:
    make_merchant("other", balance="1.00")

    damage(
        "UPDATE orders_order SET partner_id = (SELECT id FROM accounts_partner WHERE code ="
        " 'other') WHERE order_no = %s",
        [orders["pending_payment"]],
    )

    assert find_differences() == [
        ("hold_partner", "other", f"order {orders['pending_payment']}", "other", "acme")
    ]


def test_order_and_wallet_are_named_when_the_last_hold_is_gone(orders: dict[str, str]) -> None:
    last = HoldEntry.objects.order_by("-hold_no")[0]
    assert (last.order_no, last.kind) == (orders["expired"], "released")
    before = HoldEntry.objects.order_by("-hold_no")[1]

    damage("DELETE FROM accounts_holdentry WHERE id = %s", [last.pk])

    assert find_differences() == [
        ("wallet_held_amount", "acme", "wallet", "36.00", "18.00"),
        (
            "wallet_last_hold_at",
            "acme",
            "wallet",
            clock.to_text(before.created_at),
            clock.to_text(last.created_at),
        ),
        ("wallet_last_hold_no", "acme", "wallet", "10", "11"),
        ("wallet_open_orders", "acme", "wallet", "2", "1"),
        ("order_without_hold", "acme", f"order {orders['expired']}", "released -18.00", None),
    ]


def test_hold_is_named_when_there_is_no_order(orders: dict[str, str], merchant: Merchant) -> None:
    damage(
        "INSERT INTO accounts_holdentry (partner_id, hold_no, kind, amount, held_after, order_no,"
        " created_at) VALUES (%s, 12, 'held', 5, 24, 'none', clock_timestamp())",
        [merchant.partner.pk],
    )
    last, added = HoldEntry.objects.filter(hold_no__gte=11).order_by("hold_no")

    assert find_differences() == [
        ("hold_held_after", "acme", "hold 12", "23.00", "24.00"),
        ("hold_sum", "acme", "wallet", "23.00", "24.00"),
        ("wallet_held_amount", "acme", "wallet", "23.00", "18.00"),
        (
            "wallet_last_hold_at",
            "acme",
            "wallet",
            clock.to_text(added.created_at),
            clock.to_text(last.created_at),
        ),
        ("wallet_last_hold_no", "acme", "wallet", "12", "11"),
        ("wallet_open_orders", "acme", "wallet", "2", "1"),
        ("hold_without_order", "acme", "order none", None, "held 5.00"),
    ]


def test_hold_is_named_when_its_time_goes_back(orders: dict[str, str]) -> None:
    second = HoldEntry.objects.get(hold_no=2)

    damage(
        "UPDATE accounts_holdentry SET created_at = created_at - interval '1 day' WHERE id = %s",
        [second.pk],
    )

    [row] = find_differences()
    assert row[:3] == ("hold_time", "acme", "hold 2")


# While orders go on

SECONDS = 1.5


def trade(merchant: Merchant, name: str, stopping: Event) -> int:
    """Place orders, and confirm, cancel, expire or leave them; how many there were."""
    dice = random.Random(name)
    count = 0
    while not stopping.is_set():
        order_no = place(merchant, f"{name}-{count}")["order_no"]
        choice = dice.choice(("confirm", "confirm", "cancel", "expire", ""))
        if choice == "expire":
            let_expire(order_no)
            assert expire_order(order_no=order_no, now=clock.now())
        elif choice:
            assert merchant.api.post(f"/orders/{order_no}/{choice}").status_code == 200
        count += 1
    return count


def watch(stopping: Event) -> list[int]:
    """Look at the books again and again, as of now and of just now; how many differences."""
    found = []
    try:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            found.append(verify_books().difference_count)
            found.append(
                verify_books(as_of=clock.now() - timedelta(milliseconds=5)).difference_count
            )
    finally:
        stopping.set()
    return found


@pytest.fixture
def market(shop: World, merchant: Merchant) -> tuple[Merchant, Merchant]:
    shop.make_sku("A", price="0.10", north=1_000_000)
    other = make_merchant("other")
    shop.open_pool_to(other)
    return merchant, other


@while_others_write
def test_books_agree_at_every_look_while_orders_are_placed_and_paid(
    market: tuple[Merchant, Merchant],
) -> None:
    stopping = Event()

    found, *traded = race(
        partial(watch, stopping),
        *(partial(trade, merchant, f"M{n}", stopping) for n in (1, 2) for merchant in market),
    )

    assert all(isinstance(count, int) and count > 3 for count in traded), traded
    assert isinstance(found, list), found
    assert len(found) > 3
    assert set(found) == {0}
    assert find_differences() == []
