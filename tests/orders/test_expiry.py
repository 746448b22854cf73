"""Orders that nobody confirms in time. The database's clock decides, no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError

from accounts.models import HoldEntry, LedgerEntry, Partner, Wallet
from catalog.models import StockMovement
from openplatform.core import clock
from openplatform.core.background import LOOPS
from orders.errors import OrderExpired
from orders.models import Order, OrderEvent
from orders.services import cancellation
from orders.services.cancellation import expire_due_orders, expire_order
from orders.services.confirmation import confirm_order
from tests.cast import Merchant, World
from tests.orders.acts import let_expire, pay, place, stock_numbers, told

LONG_AGO, FAR_AHEAD = datetime(2000, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)


def test_stock_and_hold_are_free_when_the_deadline_has_passed(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("N", price="10.00", north=10)
    shop.make_sku("S", price="20.00", south=10)
    placed = place(merchant, items=[("N", 3), ("S", 1)])
    order_no = placed["order_no"]
    let_expire(order_no)

    assert expire_due_orders() == 1

    assert (stock_numbers("N"), stock_numbers("S", "south")) == ((10, 0, 0), (10, 0, 0))
    assert StockMovement.objects.filter(cause="released").count() == 2
    wallet = Wallet.objects.get(pk=merchant.partner.pk)
    assert (wallet.balance, wallet.held_amount) == (Decimal("10000.00"), Decimal("0.00"))
    released = HoldEntry.objects.get(kind="released")
    assert (released.amount, released.order_no) == (Decimal("-68.00"), order_no)
    assert not LedgerEntry.objects.filter(kind="order_payment").exists()
    events = OrderEvent.objects.order_by("id")[1:]
    assert [(event.subject_no, event.to_status, event.actor) for event in events] == [
        (order_no, "expired", "platform"),
        (f"{order_no}-1", "cancelled", "platform"),
        (f"{order_no}-2", "cancelled", "platform"),
    ]


def test_merchant_is_told_with_the_whole_order(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]
    let_expire(order_no)

    expire_due_orders()

    message = told(merchant)[-1]
    order = merchant.api.get(f"/orders/{order_no}").json()
    assert message.type == "order.expired"
    assert message.data == {"order": order, "changed": [order_no, f"{order_no}-1"]}
    assert (order["status"], order["version"], order["cancelled_at"]) == ("expired", 2, None)
    assert [part["status"] for part in order["suborders"]] == ["cancelled"]


def test_only_what_is_due_expires(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    due = place(merchant, "DUE")["order_no"]
    place(merchant, "OPEN")
    paid = pay(merchant, "PAID")["order_no"]
    let_expire(due)
    let_expire(paid)

    assert (expire_due_orders(), expire_due_orders()) == (1, 0)

    assert dict(Order.objects.values_list("merchant_order_no", "status")) == {
        "DUE": "expired", "OPEN": "pending_payment", "PAID": "paid"
    }  # fmt: skip
    assert stock_numbers() == (9, 1, 1)


def test_large_backlog_is_worked_off_in_batches(
    shop: World, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.make_sku("A", north=10)
    for number in range(3):
        let_expire(place(merchant, f"M-{number}")["order_no"])
    monkeypatch.setattr(cancellation, "EXPIRY_BATCH", 2)

    assert [expire_due_orders() for _ in range(3)] == [2, 1, 0]


def test_confirmation_is_refused_past_the_deadline_when_the_sweeper_sleeps(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]
    let_expire(order_no)

    response = merchant.api.post(f"/orders/{order_no}/confirm")

    assert (response.status_code, response.json()["code"]) == (409, "order_expired")
    assert Order.objects.get().status == "pending_payment"
    assert stock_numbers() == (10, 1, 0)


def test_clock_of_the_caller_does_not_save_an_order(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]
    let_expire(order_no)

    with pytest.raises(OrderExpired):
        confirm_order(
            partner_id=merchant.partner.pk, order_no=order_no, actor="key:1", now=LONG_AGO
        )

    assert Order.objects.get().status == "pending_payment"


def test_clock_of_the_caller_does_not_end_an_order(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    order_no = place(merchant)["order_no"]

    assert expire_order(order_no=order_no, now=FAR_AHEAD) is False

    assert Order.objects.get().status == "pending_payment"
    assert stock_numbers() == (10, 1, 0)


@pytest.mark.parametrize("minutes", [30, 5])
def test_merchant_has_the_time_agreed_with_it(
    shop: World, merchant: Merchant, minutes: int
) -> None:
    shop.make_sku("A", north=10)
    Partner.objects.update(order_expiry_minutes=minutes)
    before = clock.now()

    placed = place(merchant)

    left = datetime.fromisoformat(placed["expires_at"]) - timedelta(minutes=minutes)
    assert before <= left <= clock.now()


def test_worker_looks_for_due_orders_all_the_time() -> None:
    loop = next(loop for loop in LOOPS if loop.run is expire_due_orders)

    assert loop.pause <= 5


def test_order_that_cannot_be_ended_does_not_hold_up_the_others(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=5)
    stuck, other = (place(merchant, number)["order_no"] for number in ("M-1", "M-2"))
    let_expire(stuck)
    let_expire(other)
    HoldEntry.objects.create(  # its hold has an end already, so it cannot be released once more
        partner=merchant.partner,
        hold_no=99,
        kind="released",
        amount=Decimal("-1.00"),
        held_after=Decimal("0.00"),
        order_no=stuck,
        created_at=clock.now(),
    )

    with pytest.raises(IntegrityError, match="hold_entry_held_once_and_ended_once"):
        expire_due_orders()

    assert Order.objects.get(order_no=other).status == "expired"
    assert Order.objects.get(order_no=stuck).status == "pending_payment"
