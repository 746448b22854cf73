"""Pages of orders are those that one would get by sorting everything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from accounts.models import HoldEntry
from orders.models import Order
from orders.selectors.lists import OrderQuery, page_by_placement, page_by_update
from tests.bench.history import add_history
from tests.cast import Merchant, World

ORDERS = 500
NOW = datetime.now(UTC)
TIMES: list[dict[str, Any]] = [
    {},
    {"created_after": NOW - timedelta(hours=20)},
    {"created_before": NOW - timedelta(hours=10)},
    {"created_after": NOW - timedelta(hours=20), "created_before": NOW - timedelta(hours=6)},
    {"created_after": NOW + timedelta(hours=3)},
]
STATUSES = [None, "completed", "cancelled", "expired", "closed"]


@pytest.fixture
def busy(shop: World, merchant: Merchant) -> Merchant:
    """A day, an order every three minutes, stamped by clocks up to a minute apart."""
    for code in ("A", "B", "C"):
        shop.make_sku(code, north=5)
    add_history(orders=ORDERS, partner_ids=[merchant.partner.pk], days=1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute(
            "UPDATE orders_order SET created_at = created_at + interval '1 minute' * random(),"
            " updated_at = created_at + interval '9 hours' * random()"
        )
    return merchant


def expected(query: OrderQuery) -> list[Order]:
    orders = Order.objects.filter(partner_id=query.partner_id)
    if query.created_after is not None:
        orders = orders.filter(created_at__gte=query.created_after)
    if query.created_before is not None:
        orders = orders.filter(created_at__lt=query.created_before)
    if query.status is not None:
        orders = orders.filter(status=query.status)
    return list(orders)


@pytest.mark.parametrize("limit", [23, 101])
def test_pages_by_placement_are_those_of_a_sorted_list(busy: Merchant, limit: int) -> None:
    hold_of = dict(HoldEntry.objects.filter(kind="held").values_list("order_no", "hold_no"))
    for times in TIMES:
        for status in STATUSES:
            query = OrderQuery(partner_id=busy.partner.pk, status=status, **times)
            wanted = sorted((hold_of[order.order_no] for order in expected(query)), reverse=True)

            seen: list[int] = []
            while page := page_by_placement(query, before=seen[-1] if seen else None, limit=limit):
                seen += [row.hold_no for row in page]

            assert seen == wanted, query


@pytest.mark.parametrize("limit", [23, 101])
def test_pages_by_update_are_those_of_a_sorted_list(busy: Merchant, limit: int) -> None:
    since = (NOW - timedelta(hours=15), 0)
    for times in TIMES:
        for status in STATUSES:
            query = OrderQuery(partner_id=busy.partner.pk, status=status, **times)
            wanted = sorted(
                (order.updated_at, order.pk)
                for order in expected(query)
                if (order.updated_at, order.pk) > since
            )

            seen: list[tuple[datetime, int]] = []
            while page := page_by_update(query, after=seen[-1] if seen else since, limit=limit):
                seen += [(row.updated_at, row.order_id) for row in page]

            assert seen == wanted, query


def test_nothing_of_others_is_on_a_page(busy: Merchant, stranger: Merchant) -> None:
    for status in STATUSES:
        query = OrderQuery(partner_id=stranger.partner.pk, status=status)
        assert page_by_placement(query, before=None, limit=50) == []
        assert page_by_update(query, after=(NOW - timedelta(days=9), 0), limit=50) == []
