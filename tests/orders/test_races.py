"""Orders that meet: the outcome is one, and no client sees more than a refusal."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections, transaction

from accounts.models import HoldEntry, LedgerEntry, Wallet
from catalog.models import Stock, StockMovement
from catalog.services import stock
from openplatform.messaging.models import Message
from openplatform.messaging.services.sequencing import sequence_outbox
from orders.checks import check_request
from orders.models import Order
from orders.services import order_writing, placement
from orders.services.cancellation import expire_order
from tests.cast import Merchant, World, make_merchant, order_body

pytestmark = pytest.mark.django_db(transaction=True)

CLIENTS = 8


@pytest.fixture
def race_shop(transactional_db: None) -> tuple[World, Merchant]:
    world, merchant = World(), make_merchant("acme", balance="1000000.00")
    world.open_pool_to(merchant)
    return world, merchant


def at_once(tasks: Sequence[Callable[[], Any]], *, threads: int = CLIENTS) -> list[Any]:
    """Run tasks in threads that start together; each closes its connection."""
    barrier = threading.Barrier(min(threads, len(tasks)))
    local = threading.local()

    def run(task: Callable[[], Any]) -> Any:
        if not getattr(local, "has_started", False):
            local.has_started = True
            barrier.wait(10)
        try:
            return task()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, tasks))


def codes_of(responses: Sequence[Any]) -> Counter[str]:
    return Counter(
        response.json()["code"] if response.status_code >= 400 else str(response.status_code)
        for response in responses
    )


def assert_books_agree(merchant: Merchant) -> None:
    """Holds are the open orders, the balance is the sum of entries, stock is what movements say."""
    wallet = Wallet.objects.get(pk=merchant.partner.pk)
    pending = Order.objects.filter(status="pending_payment").values_list("total_amount", flat=True)
    assert wallet.held_amount == sum(pending, Decimal(0))
    entries = LedgerEntry.objects.filter(partner=merchant.partner).order_by("entry_no")
    assert wallet.balance == sum((entry.amount for entry in entries), Decimal(0))
    assert [entry.entry_no for entry in entries] == list(range(1, len(entries) + 1))
    for row in Stock.objects.all():
        moved = StockMovement.objects.filter(stock=row)
        assert row.reserved == sum(movement.reserved_change for movement in moved)
        assert row.outgoing == sum(movement.outgoing_change for movement in moved)


def test_hundred_orders_for_fifty_units_give_fifty_orders(
    race_shop: tuple[World, Merchant],
) -> None:
    world, merchant = race_shop
    world.make_sku("A", north=50)

    responses = at_once(
        [
            lambda number=number: merchant.api.post("/orders", order_body(f"M-{number}"))  # type: ignore[misc]
            for number in range(100)
        ]
    )

    assert codes_of(responses) == {"201": 50, "stock_insufficient": 50}
    row = Stock.objects.get()
    assert (row.on_hand, row.reserved) == (50, 50)
    assert Order.objects.count() == 50
    assert_books_agree(merchant)


def test_units_are_sold_twice_when_the_reservation_takes_no_lock(
    race_shop: tuple[World, Merchant], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counterpart of the test above: what the lock and the guard in its statement are for.

    The statement is replaced by the read and the write that it would be without them.
    """
    world, merchant = race_shop
    world.make_sku("A", north=50)
    Stock.objects.update(on_hand=1000)  # so that only our own arithmetic can fail
    read_then_write = order_writing.WRITE_AT_ONCE.replace(
        "SELECT stock.id, part.quantity,",
        "SELECT stock.id, part.quantity, stock.reserved AS seen, pg_sleep(0.02),",
    ).replace("reserved = reserved + part.quantity", "reserved = part.seen + part.quantity")
    assert "part.seen" in read_then_write
    assert "pg_sleep" in read_then_write
    monkeypatch.setattr(stock, "LOCK", stock.LOCK.replace("FOR NO KEY UPDATE", ""))
    monkeypatch.setattr(order_writing, "WRITE_AT_ONCE", read_then_write)

    responses = at_once(
        [
            lambda number=number: merchant.api.post("/orders", order_body(f"M-{number}"))  # type: ignore[misc]
            for number in range(40)
        ]
    )

    placed = codes_of(responses)["201"]
    assert Stock.objects.get().reserved < placed


def test_opposite_orders_of_the_same_skus_reach_no_client_as_an_error(
    race_shop: tuple[World, Merchant],
) -> None:
    world, merchant = race_shop
    world.make_sku("A", north=1000)
    world.make_sku("B", north=1000)
    there, back = [("A", 1), ("B", 1)], [("B", 1), ("A", 1)]

    responses = at_once(
        [
            lambda number=number: merchant.api.post(  # type: ignore[misc]
                "/orders", order_body(f"M-{number}", items=back if number % 2 else there)
            )
            for number in range(80)
        ]
    )

    assert codes_of(responses) == {"201": 80}
    assert list(Stock.objects.values_list("reserved", flat=True)) == [80, 80]
    assert_books_agree(merchant)


def test_hundred_orders_racing_for_half_the_money_give_fifty(
    race_shop: tuple[World, Merchant],
) -> None:
    world, merchant = race_shop
    world.make_sku("A", price="10.00", north=1000)
    Wallet.objects.update(balance=Decimal("18.00") * 50)

    responses = at_once(
        [
            lambda number=number: merchant.api.post("/orders", order_body(f"M-{number}"))  # type: ignore[misc]
            for number in range(100)
        ]
    )

    assert codes_of(responses) == {"201": 50, "balance_insufficient": 50}
    assert Wallet.objects.get().available_amount == Decimal("0.00")
    assert Stock.objects.get().reserved == 50


def test_same_order_many_times_at_once_is_placed_once(
    race_shop: tuple[World, Merchant],
) -> None:
    world, merchant = race_shop
    world.make_sku("A", north=1)

    responses = at_once([lambda: merchant.api.post("/orders", order_body())] * 16)

    assert codes_of(responses) == {"201": 1, "200": 15}
    assert len({response.json()["order_no"] for response in responses}) == 1
    assert HoldEntry.objects.count() == 1


def test_same_idempotency_key_at_once_gives_one_answer(
    race_shop: tuple[World, Merchant],
) -> None:
    world, merchant = race_shop
    world.make_sku("A", north=1)

    responses = at_once(
        [lambda: merchant.api.post("/orders", order_body(), {"Idempotency-Key": "k"})] * 16
    )

    assert codes_of(responses) == {"201": 16}
    assert len({response.content for response in responses}) == 1
    assert Order.objects.count() == 1


def test_idempotency_key_of_a_request_that_hangs_is_in_progress(
    race_shop: tuple[World, Merchant],
) -> None:
    world, merchant = race_shop
    world.make_sku("A", north=1)

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO idempotency_idempotentrequest"
                " (partner_id, method, path, key, fingerprint, answer)"
                " VALUES (%s, 'POST', '/api/v1/orders', 'k', '', '')",
                [merchant.partner.pk],
            )
        [response] = at_once(
            [lambda: merchant.api.post("/orders", order_body(), {"Idempotency-Key": "k"})]
        )

    assert (response.status_code, response.json()["code"]) == (409, "request_in_progress")
    assert response.headers["Retry-After"] == "1"
    assert Order.objects.count() == 0


@pytest.mark.parametrize("round_no", range(10))
def test_confirm_twice_cancel_and_expiry_at_once_have_one_outcome(
    race_shop: tuple[World, Merchant], round_no: int
) -> None:
    world, merchant = race_shop
    world.make_sku("A", price="10.00", north=5)
    order_no = merchant.api.post("/orders", order_body()).json()["order_no"]
    if round_no % 2:
        Order.objects.update(expires_at="2020-01-01T00:00:00Z")
    confirm = lambda: merchant.api.post(f"/orders/{order_no}/confirm").status_code  # noqa: E731
    cancel = lambda: merchant.api.post(f"/orders/{order_no}/cancel").status_code  # noqa: E731
    expire = lambda: expire_order(order_no=order_no, now=_now())  # noqa: E731

    first, second, cancelled, expired = at_once([confirm, confirm, cancel, expire])

    status = Order.objects.get().status
    row = Stock.objects.get()
    if status == "paid":
        assert (first, second, cancelled, expired) == (200, 200, 409, False)
        assert (row.on_hand, row.reserved, row.outgoing) == (4, 0, 1)
        assert LedgerEntry.objects.filter(kind="order_payment").count() == 1
    else:
        assert (first, second) == (409, 409)
        assert (cancelled, expired) == ((200, False) if status == "cancelled" else (409, True))
        assert (row.on_hand, row.reserved, row.outgoing) == (5, 0, 0)
        assert not LedgerEntry.objects.filter(kind="order_payment").exists()
    assert_books_agree(merchant)
    sequence_outbox()
    assert list(Message.objects.values_list("sequence", flat=True)) == [1, 2]


def _now() -> Any:
    from openplatform.core import clock

    return clock.now()


def test_stock_taken_between_plan_and_write_is_planned_again(
    race_shop: tuple[World, Merchant], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The units that the first plan counted on go elsewhere; the other warehouse still has some."""
    world, merchant = race_shop
    world.make_sku("A", north=1, south=1)
    write_order = order_writing.write_order_at_once
    calls = []

    def take_first(**parameters: Any) -> Any:
        calls.append(parameters)
        at_once([lambda: Stock.objects.filter(warehouse=world.north).update(on_hand=0)])
        return write_order(**parameters)

    monkeypatch.setattr(placement, "write_order_at_once", take_first)

    response = merchant.api.post("/orders", order_body())

    assert (response.status_code, len(calls)) == (201, 1)
    assert Stock.objects.get(warehouse=world.south).reserved == 1
    assert Stock.objects.get(warehouse=world.north).reserved == 0


def test_number_taken_by_another_order_while_planning_again_is_a_conflict(
    race_shop: tuple[World, Merchant], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both surprises in one request: first its stock goes elsewhere, then its number."""
    world, merchant = race_shop
    world.make_sku("A", north=1, south=1)
    world.make_sku("B", north=1)
    check = check_request
    surprises = [
        lambda: Stock.objects.filter(warehouse=world.north, sku__code="A").update(on_hand=0),
        lambda: merchant.api.post("/orders", order_body(items=[("B", 1)])),
    ]

    def check_then_wait(*facts: Any) -> None:
        check(*facts)
        if surprises:
            surprise = surprises.pop(0)
            at_once([surprise])

    monkeypatch.setattr(placement, "check_request", check_then_wait)
    [response] = at_once([lambda: merchant.api.post("/orders", order_body())], threads=1)

    assert (response.status_code, response.json()["code"]) == (409, "merchant_order_no_conflict")
    assert Order.objects.get().lines.get().sku_code == "B"
    assert not Stock.objects.filter(sku__code="A", reserved__gt=0).exists()
    assert_books_agree(merchant)
