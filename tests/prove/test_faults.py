"""No acknowledged order lost, doubled or oversold; the ledger exact; every message once, in order.

While web, worker and Postgres are killed at random and replies are dropped.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.prove.merchants import Shopper, Story
from tests.prove.platform import Platform

pytestmark = pytest.mark.prove

SHOPPERS = 6
SECONDS = 90
SECONDS_BETWEEN_KILLS = 4.0


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    tmp_path.chmod(0o711)  # as root, the database runs as somebody else
    stage = Platform(tmp_path)
    yield stage
    stage.tear_down()


def test_nothing_is_lost_doubled_or_oversold_while_everything_is_killed(
    platform: Platform,
) -> None:
    keys = platform.set_up()
    platform.revive()
    platform.wait_until_ready()
    stopping = threading.Event()
    shoppers = [
        Shopper(number, platform.url, keys[number % len(keys)], stopping)
        for number in range(SHOPPERS)
    ]
    threads = [threading.Thread(target=shopper.run) for shopper in shoppers]
    dice = random.Random(20101201)
    for thread in threads:
        thread.start()

    killed = []
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        time.sleep(SECONDS_BETWEEN_KILLS * dice.uniform(0.5, 1.5))
        killed.append(platform.kill_something(dice))
        time.sleep(0.3)
        platform.revive()
    platform.wait_until_ready()
    stopping.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    _wait_for_empty_outbox(platform)

    stories = [story for shopper in shoppers for story in shopper.stories]
    assert {"web", "worker", "postgres", "web worker"} == set(killed)
    assert sum(story.placing == "201" for story in stories) > 100
    assert sum(shopper.server_faults for shopper in shoppers) == 0
    _assert_orders_are_what_was_told(platform, stories)
    _assert_stock_adds_up(platform)
    _assert_money_adds_up(platform)
    books = platform.verify_books()
    assert (books["ok"], books["wallets"]) == (True, len(keys))
    _assert_messages_are_whole(platform)


def _wait_for_empty_outbox(platform: Platform) -> None:
    deadline = time.monotonic() + 60
    while platform.query("SELECT count(*) FROM messaging_outbox") != [(0,)]:
        assert time.monotonic() < deadline, "the outbox does not drain"
        time.sleep(0.2)


def _assert_orders_are_what_was_told(platform: Platform, stories: list[Story]) -> None:
    known = {
        number: (order_no, status, total)
        for number, order_no, status, total in platform.query(
            "SELECT merchant_order_no, order_no, status, total_amount FROM orders_order"
        )
    }
    expected = {
        story.merchant_order_no: (
            story.order_no,
            {"confirmed": "paid", "cancelled": "cancelled", "": "pending_payment"}[story.ending],
            Decimal(story.total_amount or 0),
        )
        for story in stories
        if story.placing == "201"
    }
    assert known == expected
    refusals = {story.placing for story in stories} - {"201"}
    assert refusals <= {"stock_insufficient", "balance_insufficient"}


def _assert_stock_adds_up(platform: Platform) -> None:
    rows = platform.query("""
        SELECT stock.id, stock.on_hand, stock.reserved, stock.outgoing,
            CASE WHEN sku.code = 'SKU-0' THEN 20 ELSE 400 END,
            coalesce(sum(line.quantity) FILTER (WHERE part.status = 'pending_payment'), 0),
            coalesce(sum(line.quantity) FILTER (WHERE part.status = 'awaiting_shipment'), 0)
        FROM catalog_stock stock
        JOIN catalog_sku sku ON sku.id = stock.sku_id
        LEFT JOIN orders_suborder part ON part.warehouse_id = stock.warehouse_id
        LEFT JOIN orders_orderline line ON line.suborder_id = part.id AND line.sku_id = sku.id
        GROUP BY stock.id, sku.code
    """)
    for _id, on_hand, reserved, outgoing, delivered, pending, paid in rows:
        assert (reserved, outgoing) == (pending, paid)
        assert on_hand == delivered - paid
    assert (
        platform.query("""
        SELECT stock_id, sum(reserved_change), sum(outgoing_change)
        FROM catalog_stockmovement GROUP BY stock_id
        EXCEPT SELECT id, reserved, outgoing FROM catalog_stock
    """)
        == []
    )


def _assert_money_adds_up(platform: Platform) -> None:
    assert (
        platform.query("""
        SELECT partner_id, balance, held_amount, last_entry_no FROM accounts_wallet
        EXCEPT
        SELECT entry.partner_id, sum(entry.amount), (
            SELECT coalesce(sum(total_amount), 0) FROM orders_order
            WHERE partner_id = entry.partner_id AND status = 'pending_payment'
        ), count(*)
        FROM accounts_ledgerentry entry GROUP BY entry.partner_id
    """)
        == []
    )
    assert (
        platform.query("""
        SELECT order_no, -total_amount FROM orders_order WHERE status = 'paid'
        EXCEPT SELECT order_no, amount FROM accounts_ledgerentry WHERE kind = 'order_payment'
    """)
        == []
    )
    assert (
        platform.query("""
        SELECT entry_no FROM (
            SELECT entry_no, balance_after, created_at,
                sum(amount) OVER running AS summed, lag(created_at) OVER running AS before,
                row_number() OVER running AS position
            FROM accounts_ledgerentry
            WINDOW running AS (PARTITION BY partner_id ORDER BY entry_no)
        ) entry
        WHERE balance_after <> summed OR created_at < before OR entry_no <> position
    """)
        == []
    )


def _assert_messages_are_whole(platform: Platform) -> None:
    assert (
        platform.query("""
        SELECT partner_id FROM messaging_message GROUP BY partner_id
        HAVING count(*) <> max(sequence) OR min(sequence) <> 1
    """)
        == []
    )
    told = platform.query("""
        SELECT data->'order'->>'order_no', array_agg(type ORDER BY sequence)
        FROM messaging_message WHERE data->'order' IS NOT NULL GROUP BY 1
    """)
    orders = dict(platform.query("SELECT order_no, status FROM orders_order"))
    assert {order_no for order_no, _ in told} == set(orders)
    last = {
        "pending_payment": [],
        "paid": ["order.status_changed"],
        "cancelled": ["order.cancelled"],
    }
    for order_no, types in told:
        beginning = types[: len(types) - len(last[orders[order_no]])]
        assert beginning in (["order.created"], ["order.created", "order.split"])
        assert types[len(beginning) :] == last[orders[order_no]]
