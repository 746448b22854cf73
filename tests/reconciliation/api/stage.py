"""Invoices of a merchant and a stranger, made once for a module."""

from __future__ import annotations

from dataclasses import dataclass

from tests.cast import Merchant, World, make_merchant
from tests.orders.acts import pay
from tests.reconciliation.api.invoices import add_title, ask, issue


@dataclass(frozen=True)
class InvoiceStage:
    """``issued`` is for the order ``first``, ``requested`` for ``second``."""

    merchant: Merchant
    stranger: Merchant
    first: str
    second: str
    issued: str
    requested: str


def make_invoices() -> InvoiceStage:
    """Two invoices of 18.00, one of them issued; a stranger has one, too."""
    merchant, stranger, world = make_merchant("acme"), make_merchant("stranger"), World()
    world.open_pool_to(merchant, stranger)
    world.make_sku("A", price="10.00", north=50)
    title_id = add_title(merchant)
    first, second = (pay(merchant, number)["order_no"] for number in ("M-1", "M-2"))
    issued, requested = (
        ask(merchant, title_id, order_no)["invoice_no"] for order_no in (first, second)
    )
    issue(issued)
    ask(stranger, add_title(stranger), pay(stranger, "M-1")["order_no"])
    return InvoiceStage(merchant, stranger, first, second, issued, requested)
