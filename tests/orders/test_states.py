"""The tables of states, pair by pair, and what the services make of every state."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations_with_replacement, product

import pytest

from openplatform.core import clock
from openplatform.core.errors import DomainError
from orders.models import Order, Suborder
from orders.services.cancellation import cancel_order, expire_order
from orders.services.confirmation import confirm_order
from orders.states import (
    ORDER_TRANSITIONS,
    SUBORDER_TRANSITIONS,
    OrderStatus,
    SuborderStatus,
    paid_order_status,
)
from tests.cast import Merchant, World
from tests.orders.acts import let_expire, place, ship, stock_numbers

ORDER_MOVES = {
    "pending_payment": "cancelled expired paid",
    "cancelled": "",
    "expired": "",
    "paid": "partly_shipped shipped delivered completed closed",
    "partly_shipped": "paid shipped delivered completed closed",
    "shipped": "delivered completed closed",
    "delivered": "completed closed",
    "completed": "closed",
    "closed": "",
}
SUBORDER_MOVES = {
    "pending_payment": "cancelled awaiting_shipment",
    "cancelled": "",
    "awaiting_shipment": "partly_shipped shipped closed",
    "partly_shipped": "shipped closed",
    "shipped": "delivered completed closed",
    "delivered": "completed closed",
    "completed": "closed",
    "closed": "",
}
PAID_PARTS = ("awaiting_shipment", "partly_shipped", "shipped", "delivered", "completed", "closed")
ADVANCE = {status: place for place, status in enumerate(PAID_PARTS[:-1])}


@pytest.mark.parametrize(("start", "end"), list(product(OrderStatus, OrderStatus)))
def test_order_moves_only_where_the_table_lets_it(start: OrderStatus, end: OrderStatus) -> None:
    assert (end in ORDER_TRANSITIONS[start]) == (end in ORDER_MOVES[start].split())


@pytest.mark.parametrize(("start", "end"), list(product(SuborderStatus, SuborderStatus)))
def test_part_moves_only_where_the_table_lets_it(
    start: SuborderStatus, end: SuborderStatus
) -> None:
    assert (end in SUBORDER_TRANSITIONS[start]) == (end in SUBORDER_MOVES[start].split())


def parts_in_all_ways(*, up_to: int) -> list[tuple[str, ...]]:
    return [
        parts
        for count in range(1, up_to + 1)
        for parts in combinations_with_replacement(PAID_PARTS, count)
    ]


def described_status(parts: tuple[str, ...]) -> str:
    """As the contract puts it, in its own words."""
    advances = [ADVANCE[part] for part in parts if part != "closed"]
    if not advances:
        return "closed"
    if max(advances) == ADVANCE["awaiting_shipment"]:
        return "paid"
    if min(advances) < ADVANCE["shipped"]:
        return "partly_shipped"
    return PAID_PARTS[min(advances)]


@pytest.mark.parametrize("parts", parts_in_all_ways(up_to=3), ids=" ".join)
def test_paid_order_has_the_status_of_its_parts(parts: tuple[str, ...]) -> None:
    assert paid_order_status(parts) == described_status(parts)


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        (("awaiting_shipment",), "paid"),
        (("partly_shipped",), "partly_shipped"),
        (("awaiting_shipment", "completed"), "partly_shipped"),
        (("shipped", "completed"), "shipped"),
        (("closed", "awaiting_shipment"), "paid"),
        (("closed", "delivered", "completed"), "delivered"),
        (("closed", "closed"), "closed"),
    ],
)
def test_paid_order_has_the_status_that_people_expect(parts: tuple[str, ...], status: str) -> None:
    assert paid_order_status(parts) == status


@pytest.mark.parametrize("parts", parts_in_all_ways(up_to=3), ids=" ".join)
def test_order_may_follow_every_move_of_its_parts(parts: tuple[str, ...]) -> None:
    before = paid_order_status(parts)

    for place_, part in enumerate(parts):
        for moved in SUBORDER_TRANSITIONS[SuborderStatus(part)]:
            after = paid_order_status([*parts[:place_], moved, *parts[place_ + 1 :]])
            assert after == before or after in ORDER_TRANSITIONS[before], (part, moved)


ACTIONS = ("confirm", "cancel", "expire")
# What each action makes of an order by its state: the new one, None where nothing moves but the
# call is answered, or the code of the refusal.
OUTCOMES: dict[str, tuple[str | None, ...]] = {
    "pending_payment": ("order_expired", "cancelled", "expired"),
    "cancelled": ("order_state_conflict", None, None),
    "expired": ("order_expired", "order_state_conflict", None),
    "paid": (None, "order_state_conflict", None),
    "partly_shipped": (None, "order_state_conflict", None),
    "shipped": (None, "order_state_conflict", None),
    "delivered": (None, "order_state_conflict", None),
    "completed": (None, "order_state_conflict", None),
    "closed": (None, "order_state_conflict", None),
}


def act(action: str, partner_id: int, order_no: str) -> None:
    now = clock.now()
    if action == "confirm":
        confirm_order(partner_id=partner_id, order_no=order_no, actor="test", now=now)
    elif action == "cancel":
        cancel_order(partner_id=partner_id, order_no=order_no, actor="test", now=now)
    else:
        expire_order(order_no=order_no, now=now)


def refusal_of(call: Callable[[], object]) -> str | None:
    """The code that a call is refused with; None when it is answered."""
    try:
        call()
    except DomainError as refused:
        return refused.code
    return None


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("status", OUTCOMES)
def test_order_past_its_deadline_moves_only_by_the_table(
    shop: World, merchant: Merchant, status: str, action: str
) -> None:
    shop.make_sku("A", north=5)
    order_no = place(merchant)["order_no"]
    let_expire(order_no)
    Order.objects.update(status=status)
    outcome = OUTCOMES[status][ACTIONS.index(action)]

    refusal = refusal_of(lambda: act(action, merchant.partner.pk, order_no))

    if refusal is not None:
        assert refusal == outcome
        outcome = None
    after = Order.objects.get()
    assert after.status == (outcome or status)
    assert outcome is None or outcome in ORDER_MOVES[status].split()
    assert after.version == (1 if outcome is None else 2)
    assert stock_numbers() == (5, 1 if outcome is None else 0, 0)


@pytest.mark.parametrize("status", SUBORDER_MOVES)
def test_part_ships_only_by_the_table(shop: World, merchant: Merchant, status: str) -> None:
    shop.make_sku("A", north=5)
    order_no = place(merchant)["order_no"]
    merchant.api.post(f"/orders/{order_no}/confirm")
    Suborder.objects.update(status=status)
    may_ship = status in {"awaiting_shipment", "partly_shipped"}

    refusal = refusal_of(lambda: ship(f"{order_no}-1"))

    assert refusal == (None if may_ship else "order_state_conflict")
    assert Suborder.objects.get().status == ("shipped" if may_ship else status)
    assert stock_numbers() == (4, 0, 0 if may_ship else 1)
