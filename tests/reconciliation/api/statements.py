"""A merchant's February, closed, and its statement."""

from __future__ import annotations

from dataclasses import dataclass

from reconciliation.models import Statement
from tests.cast import Merchant, World, make_merchant
from tests.orders.acts import pay, place
from tests.reconciliation.past import at, make_statement

MISSING = "S260303E6KB2V9XMJ4"  # a number that nobody has


@dataclass(frozen=True)
class StatementStage:
    merchant: Merchant
    stranger: Merchant
    statement: Statement


def make_february() -> StatementStage:
    """10,000.00 came in in January. On 10 February an order of two units for 10.00 and freight of
    8.00 was paid, and one of 10.00 and 8.00 is not paid yet.
    """
    merchant, stranger, world = make_merchant("acme"), make_merchant("stranger"), World()
    world.open_pool_to(merchant)
    world.make_sku("A", price="10.00", north=50, weight_grams=250)
    at(merchant.partner, "2026-01-05 09:00")
    pay(merchant, "M-1", [("A", 2)])
    place(merchant, "M-2", [("A", 1)])
    at(merchant.partner, "2026-02-10 12:00")
    statement = make_statement(merchant.partner, "2026-02-01", "2026-02-28")
    return StatementStage(merchant, stranger, statement)
