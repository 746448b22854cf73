"""What the tests of statements stand on: days that have gone by."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from accounts.models import HoldEntry, LedgerEntry
from orders.models import Order
from tests.cast import Merchant, World, order_body
from tests.reconciliation.past import at, make_statement


def test_what_was_written_since_is_of_the_moment_and_nothing_else(
    merchant: Merchant, shop: World
) -> None:
    shop.make_sku("A", price="10.00", north=5)
    at(merchant.partner, "2026-03-01 09:00")
    order_no = merchant.api.post("/orders", order_body()).json()["order_no"]
    at(merchant.partner, "2026-03-02 10:00:00.123456")
    merchant.api.post(f"/orders/{order_no}/confirm")
    at(merchant.partner, "2026-03-03 11:00")

    order = Order.objects.get(order_no=order_no)
    entries = LedgerEntry.objects.order_by("entry_no").values_list("created_at", flat=True)
    holds = HoldEntry.objects.order_by("hold_no").values_list("created_at", flat=True)
    assert [f"{moment:%m-%d %H:%M:%S.%f}" for moment in entries] == [
        "03-01 01:00:00.000000", "03-03 03:00:00.000000",
    ]  # fmt: skip
    assert [f"{moment:%m-%d %H:%M:%S.%f}" for moment in holds] == [
        "03-02 02:00:00.123456", "03-03 03:00:00.000000",
    ]  # fmt: skip
    assert f"{order.created_at:%m-%d}" == "03-02"
    assert f"{order.paid_at:%m-%d}" == "03-03"


def test_histories_refuse_updates_again_afterwards(merchant: Merchant) -> None:
    at(merchant.partner, "2026-03-01 09:00")

    with pytest.raises(DatabaseError), transaction.atomic():
        LedgerEntry.objects.update(amount=1)

    assert LedgerEntry.objects.get().amount == Decimal("10000.00")


def test_a_statement_of_those_days_is_ready(merchant: Merchant) -> None:
    at(merchant.partner, "2026-03-01 09:00")

    statement = make_statement(merchant.partner, "2026-03-01", "2026-03-31")

    assert statement.status == "ready"
    assert statement.closing_balance == Decimal("10000.00")
    assert statement.files.count() == 6
