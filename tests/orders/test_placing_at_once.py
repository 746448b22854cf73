"""An order written by one statement that commits itself, and when a transaction takes over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import HoldEntry, Wallet
from catalog.models import Stock, StockMovement
from openplatform.messaging.models import Outbox
from orders.models import Order, OrderEvent
from orders.services import order_writing, placement
from tests.cast import Merchant, World, make_merchant, order_body
from tests.orders.quoting import quote

pytestmark = pytest.mark.django_db(transaction=True)

WAITING = """
    SELECT query FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@pytest.fixture
def shop(transactional_db: None) -> World:
    world = World()
    world.make_sku("A", price="10.00", north=1)
    return world


@pytest.fixture
def merchant(shop: World) -> Merchant:
    merchant = make_merchant("acme", balance="100.00")
    shop.open_pool_to(merchant)
    return merchant


def elsewhere(act: Callable[[], Any]) -> Any:
    """Something done on another connection, and committed."""
    answers: list[Any] = []

    def run() -> None:
        try:
            answers.append(act())
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    [answer] = answers
    return answer


def before_writing(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> list[Any]:
    """Have something happen once between the plan of the next order and its write; its answers."""
    answers: list[Any] = []
    write = order_writing.write_order_at_once

    def act_and_write(**parameters: Any) -> Any:
        if not answers:
            answers.append(None)  # the act may place an order itself
            answers[:] = [elsewhere(act)]
        return write(**parameters)

    monkeypatch.setattr(placement, "write_order_at_once", act_and_write)
    return answers


def assert_nothing_written() -> None:
    for model in (Order, OrderEvent, StockMovement, HoldEntry, Outbox):
        assert not model._default_manager.exists(), model
    assert Stock.objects.get(warehouse__code="north").reserved == 0
    assert Wallet.objects.get().held_amount == 0


def test_nothing_begins_or_ends_a_transaction_when_an_order_is_placed(merchant: Merchant) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert merchant.api.post("/orders", order_body()).status_code == 201

    sent = [query["sql"].strip().partition(" ")[0] for query in queries]
    assert {"BEGIN", "COMMIT"}.isdisjoint(sent)


def test_transaction_is_begun_when_the_request_has_an_idempotency_key(merchant: Merchant) -> None:
    with CaptureQueriesContext(connection) as queries:
        response = merchant.api.post("/orders", order_body(), headers={"Idempotency-Key": "k-1"})

    assert response.status_code == 201
    assert {"BEGIN", "COMMIT"} <= {query["sql"] for query in queries}


def test_order_waits_for_stock_before_it_writes_anything(merchant: Merchant) -> None:
    """Whoever waits inside the large statement makes Postgres set it up anew for every look."""
    responses: list[Any] = []

    def place() -> None:
        try:
            responses.append(merchant.api.post("/orders", order_body()))
        finally:
            connections.close_all()

    with transaction.atomic():
        list(Stock.objects.select_for_update(no_key=True))
        thread = threading.Thread(target=place)
        thread.start()
        waiting: list[Any] = []
        deadline = time.monotonic() + 10
        with connection.cursor() as cursor:
            while not waiting and time.monotonic() < deadline:
                cursor.execute("SELECT pg_stat_clear_snapshot()")
                cursor.execute(WAITING)
                waiting = cursor.fetchall()
    thread.join(20)

    [(query,)] = waiting
    assert query.split()[:4] == ["SELECT", "FROM", "catalog_stock", "WHERE"]
    assert [response.status_code for response in responses] == [201]


def test_nothing_is_written_when_the_money_goes_between_plan_and_write(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_writing(monkeypatch, lambda: Wallet.objects.update(balance=Decimal("17.99")))

    response = merchant.api.post("/orders", order_body())

    assert (response.status_code, response.json()["code"]) == (402, "balance_insufficient")
    assert response.json()["errors"][0]["balance_missing"] == "0.01"
    assert_nothing_written()


def test_low_balance_is_told_with_the_order_when_it_falls_between_plan_and_write(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_writing(monkeypatch, lambda: Wallet.objects.update(alert_threshold=Decimal("90.00")))

    assert merchant.api.post("/orders", order_body()).status_code == 201

    types = list(Outbox.objects.order_by("pk").values_list("type", flat=True))
    assert types == ["order.created", "account.balance_low"]
    assert Wallet.objects.get().held_amount == Decimal("18.00")
    assert Order.objects.count() == 1


def test_no_statement_fails_when_a_look_shows_that_the_money_is_short(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A merchant without money may try all day; the database's log is not to be full of it."""
    Wallet.objects.update(balance=Decimal("17.99"))
    tried = before_writing(monkeypatch, lambda: None)

    response = merchant.api.post("/orders", order_body())

    assert (response.status_code, response.json()["code"]) == (402, "balance_insufficient")
    assert tried == []
    assert_nothing_written()


@pytest.mark.parametrize(
    ("limits", "refusal"),
    [
        ({"open_orders": 1000, "max_open_orders": 1000}, (429, "too_many_open_orders")),
        ({"daily_spending_cap": Decimal("17.99")}, (402, "spending_cap_exceeded")),
    ],
)
def test_no_statement_fails_when_a_cap_is_known_to_be_reached(
    merchant: Merchant,
    monkeypatch: pytest.MonkeyPatch,
    limits: dict[str, Any],
    refusal: tuple[int, str],
) -> None:
    Wallet.objects.update(**limits)
    tried = before_writing(monkeypatch, lambda: None)

    response = merchant.api.post("/orders", order_body())

    assert (response.status_code, response.json()["code"]) == refusal
    assert tried == []
    assert_nothing_written()


def test_stock_is_insufficient_when_it_goes_between_plan_and_write(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_writing(monkeypatch, lambda: Stock.objects.update(on_hand=0))

    response = merchant.api.post("/orders", order_body())

    assert (response.status_code, response.json()["code"]) == (409, "stock_insufficient")
    assert_nothing_written()


def test_quoted_order_is_a_replay_when_its_twin_takes_the_last_unit_first(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = order_body(quote_id=quote(merchant)["quote_id"])
    twins = before_writing(monkeypatch, lambda: merchant.api.post("/orders", body))

    response = merchant.api.post("/orders", body)

    assert [twin.status_code for twin in twins] == [201]
    assert (response.status_code, response.json()["order_no"]) == (200, twins[0].json()["order_no"])
    assert Order.objects.count() == 1
    assert Stock.objects.get(warehouse__code="north").reserved == 1
