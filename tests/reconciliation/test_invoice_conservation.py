"""Invoices, credits and what is left to be invoiced, whatever is done to orders."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import count

import pytest
from django.db.models import QuerySet, Sum
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import LedgerEntry
from openplatform.core import clock, money
from openplatform.core.errors import DomainError
from openplatform.core.locking import transactional
from openplatform.core.uploads.files import CleanFile
from orders.models import Order
from reconciliation.invoiced import list_items
from reconciliation.models import Invoice, InvoicedOrder, InvoiceLine, Statement
from reconciliation.services.crediting import credit_refunded_orders
from reconciliation.services.invoice_moves import lock_invoice
from reconciliation.services.issuing import mark_issued
from reconciliation.states import InvoiceStatus, PaperStatus
from tests.aftersales.acts import make_reasons, set_return_addresses
from tests.aftersales.test_conservation import PRICES, Act, Story, acts, steps_of
from tests.cast import Merchant, World, make_merchant
from tests.orders.acts import pay, ship
from tests.reconciliation.invoicing import (
    ask,
    cancel,
    invoiced_less_credited,
    paid_less_refunded,
)

NUMBERS = count(1)


@dataclass(frozen=True)
class Step:
    """Something that is done about invoices, or to an order (``act``)."""

    kind: str
    which: int
    act: Act | None = None


# Mostly what refunds something.
refunds = st.builds(
    lambda act, kind, then: replace(act, kind=kind, then=then),
    acts,
    st.sampled_from(["close", "claim", "claim_return", "split"]),
    st.sampled_from([("approve",), ("approve", "inspect")]),
)
about_invoices = st.builds(
    Step,
    st.sampled_from(["ask", "ask", "ask_period", "issue", "cancel", "credit"]),
    st.integers(0, 9),
)
about_orders = st.builds(Step, st.just("act"), st.integers(0, 1), st.one_of(refunds, refunds, acts))
steps = st.one_of(about_invoices, about_orders, about_orders)
# How the orders were invoiced before anything happened to them.
beginnings = st.sampled_from([(), ("ask", "issue"), ("ask_period", "issue"), ("ask_period",)])


class Books:
    """Two orders of a period, and the invoices for them."""

    def __init__(self, merchant: Merchant, orders: list[Order], statement: Statement) -> None:
        self.merchant, self.orders, self.statement = merchant, orders, statement
        self.stories = [Story(merchant, order) for order in orders]

    def perform(self, step: Step) -> None:
        """Do it, if there is anything to do it to."""
        if step.act is not None:
            for act in steps_of(step.act):
                self.stories[step.which].perform(act)
        elif step.kind == "ask":
            ask(self.merchant, self.orders[step.which % 2].order_no)
        elif step.kind == "ask_period":
            ask(self.merchant, statement=self.statement)
        elif step.kind == "issue":
            if waiting := self.waiting():
                issue_row(waiting[step.which % len(waiting)])
        elif step.kind == "cancel":
            if alive := list(self.invoices().exclude(status="cancelled").order_by("id")):
                cancel(alive[step.which % len(alive)])
        else:
            credit_refunded_orders()

    def invoices(self) -> QuerySet[Invoice]:
        """Those for these orders, credits among them."""
        numbers = [order.order_no for order in self.orders]
        return Invoice.objects.filter(lines__order_no__in=numbers).distinct()

    def waiting(self) -> list[Invoice]:
        """What was requested."""
        return list(self.invoices().filter(status="requested").order_by("id"))

    def require_sound(self, *, is_settled: bool) -> None:
        """For each order: invoiced - credited + not yet invoiced = paid - refunded.

        :param is_settled: all credits were asked for; before, they may still be missing.
        """
        for order in self.orders:
            booked, tax = invoiced_less_credited(order)
            left = paid_less_refunded(order)
            live = list(InvoicedOrder.objects.filter(order=order, is_live=True))
            assert len(live) <= 1
            if not live:
                assert (booked, tax) == (money.ZERO, money.ZERO)
                assert sum((item.amount for item in list_items([order.pk])), Decimal(0)) == left
                continue
            [covered] = live
            assert booked == covered.amount - covered.credited_amount
            is_requested = covered.invoice.status == InvoiceStatus.REQUESTED
            is_taken_back = covered.credited_amount == covered.amount
            assert tax >= 0
            if is_taken_back:
                assert (booked, tax) == (money.ZERO, money.ZERO)
            elif is_settled and not is_requested:
                assert booked == left
                assert tax == sum(item.tax_amount for item in list_items([order.pk]))
            else:
                assert booked >= left
        for invoice in self.invoices():
            sums = InvoiceLine.objects.filter(invoice=invoice).aggregate(
                amount=Sum("amount"), tax=Sum("tax_amount")
            )
            assert (sums["amount"], sums["tax"]) == (invoice.amount, invoice.tax_amount)
            for line in invoice.lines.all():
                assert line.quantity * line.unit_price == line.amount


@transactional
def issue_row(invoice: Invoice) -> None:
    """Issued, without a file of its own: what files are is another test's."""
    mark_issued(
        lock_invoice(invoice_no=invoice.invoice_no),
        fiscal_code="",
        fiscal_number=f"26{next(NUMBERS):018}",
        issued_at=clock.now(),
        file=CleanFile(b"%PDF-", "pdf"),
        name="invoices/2026/01/A.pdf",
        actor="finance",
        now=clock.now(),
    )


def statement_of(merchant: Merchant, after: int) -> Statement:
    """Of all entries since, as a row without its files; a period of its own."""
    number = next(NUMBERS)
    entries = LedgerEntry.objects.filter(partner=merchant.partner, entry_no__gt=after)
    last = entries.order_by("-entry_no").first()
    assert last is not None
    paid = sum((entry.amount for entry in entries), Decimal(0))
    return Statement.objects.create(
        statement_no=f"S{number}", partner=merchant.partner, status=PaperStatus.READY,
        period_start=date(2020, 1, 1), period_end=date(2020, 1, 1) + timedelta(days=number),
        due_at=None, requested_by="test", ready_at=clock.now(), row_count=0,
        opening_entry_no=after, closing_entry_no=last.entry_no,
        opening_balance=last.balance_after - paid, closing_balance=last.balance_after,
        opening_held_amount=0, closing_held_amount=0, opening_credit_limit=0,
        closing_credit_limit=0, top_up_amount=0, order_payment_amount=paid, refund_amount=0,
        adjustment_amount=0, withdrawal_amount=0,
    )  # fmt: skip


@pytest.fixture
def goods(shop: World) -> World:
    """Goods of odd prices and rates in both warehouses, with little of some in the south."""
    for number, price in enumerate(PRICES):
        shop.make_sku(
            f"S{number}", price=price, north=5000, south=2 if number % 2 else 5000,
            tax_rate=("0.13", "0.09")[number % 2],
        )  # fmt: skip
    make_reasons()
    set_return_addresses()
    return shop


@pytest.fixture
def merchant(db: None) -> Merchant:
    """With money for all of it."""
    return make_merchant("acme", balance="1000000.00")


@pytest.mark.parametrize("examples", [5, pytest.param(100, marks=pytest.mark.prove)])
def test_invoiced_less_credited_and_not_yet_invoiced_are_always_what_was_paid_less_refunded(
    goods: World, merchant: Merchant, examples: int
) -> None:
    @settings(max_examples=examples, deadline=None, database=None)
    @given(
        quantities=st.tuples(*[st.integers(1, 5)] * len(PRICES)),
        is_shipped=st.booleans(),
        beginning=beginnings,
        series=st.lists(st.tuples(steps, st.booleans()), min_size=6, max_size=12),
    )
    def try_out(
        quantities: tuple[int, ...],
        is_shipped: bool,
        beginning: tuple[str, ...],
        series: list[tuple[Step, bool]],
    ) -> None:
        newest = LedgerEntry.objects.filter(partner=merchant.partner).order_by("-entry_no").first()
        assert newest is not None
        items = [(f"S{number}", units) for number, units in enumerate(quantities)]
        numbers = [
            pay(merchant, f"N-{next(NUMBERS)}", items=some)["order_no"]
            for some in (items, items[1:3])
        ]
        orders = [Order.objects.get(order_no=order_no) for order_no in numbers]
        books = Books(merchant, orders, statement_of(merchant, newest.entry_no))
        if is_shipped:
            ship(f"{numbers[0]}-1", {1: 1, 3: quantities[2], 4: 1}, waybill_no=f"SF-{numbers[0]}")

        for kind in beginning:
            books.perform(Step(kind, 0))

        for step, is_followed in series:
            with suppress(DomainError):  # there is nothing to do it to, or its state forbids it
                books.perform(step)
            if is_followed:
                credit_refunded_orders()
            books.require_sound(is_settled=False)
            for order in orders:
                order.refresh_from_db()
                assert paid_less_refunded(order) == order.total_amount - order.refunded_amount

        while credit_refunded_orders():
            pass
        books.require_sound(is_settled=True)
        for _round in range(3):  # an invoice that is issued may ask for its credit
            for invoice in books.waiting():
                issue_row(invoice)
        assert books.waiting() == []
        books.require_sound(is_settled=True)

    try_out()
