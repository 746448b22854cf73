"""Statements of three days of a real wholesaler. Orders and cancellations of its file are played
over the API and get the file's own times; then each statement is held against sums of the file.

The sums are computed from the file's rows, by rules of their own. What the platform does not take
up, or refuses, is told by its sum, so that the file's total is found again to the cent.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db.models import F, QuerySet, Sum

from accounts.services.books import verify_books
from catalog.models import PoolAssignment
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.demo.reconciling import read_rows
from orders.models import FreightTemplate, Suborder
from reconciliation.models import Statement
from tests.aftersales.acts import make_reasons, set_return_addresses
from tests.cast import Merchant, World, make_merchant
from tests.imports.files import Desk
from tests.reconciliation.past import at, make_statement
from tests.replay.test_online_retail import (
    CANCELLATION,
    GOODS,
    NO_CUSTOMER,
    SOURCE,
    Invoice,
    read_source,
    stock_the_shop,
)
from tests.replay.test_online_retail_claims import Part, Replay, Stream, read_stream

pytestmark = [
    pytest.mark.skipif(not SOURCE.exists(), reason=f"../shared/data/{SOURCE.name} is missing"),
    pytest.mark.django_db(transaction=True),  # commits, as in life
]

DAYS = [date(2010, 12, 1), date(2010, 12, 2), date(2010, 12, 3)]
EVE = datetime(2010, 11, 30, 18, 0, tzinfo=PLATFORM_ZONE)
SPARE = Decimal("1.00")  # on each wallet, besides what its orders cost
ZERO = Decimal("0.00")


@dataclass
class CustomerDay:
    """What the file says of one customer and day."""

    paid: dict[str, dict[str, tuple[int, Decimal]]] = field(default_factory=dict)
    refunds: dict[tuple[str, str], Decimal] = field(default_factory=dict)  # by invoices

    @property
    def paid_amount(self) -> Decimal:
        """What its orders cost: units of each SKU at the first price that the invoice names."""
        return sum(
            (units * price for lines in self.paid.values() for units, price in lines.values()),
            ZERO,
        )

    @property
    def refunded_amount(self) -> Decimal:
        """What its cancellations give back."""
        return sum(self.refunds.values(), ZERO)


@dataclass
class Sums:
    """The file, added up row by row."""

    days: dict[str, dict[date, CustomerDay]]  # by customer; of days with any row
    moments: dict[str, datetime]  # by invoice
    total: Decimal = ZERO
    left_out: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))


def add_up_file(customers: Collection[str] | None = None) -> Sums:
    """What every statement has to come to, and what the platform has nothing to do with.

    :param customers: these only.
    """
    sums = Sums(defaultdict(lambda: defaultdict(CustomerDay)), {})
    sold: dict[str, dict[str, str]] = defaultdict(dict)  # customer, SKU, the last invoice
    with SOURCE.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            number, sku, customer = row["InvoiceNo"], row["StockCode"], row["CustomerID"]
            customer = customer or NO_CUSTOMER
            if customers is not None and customer not in customers:
                continue
            units, price = int(row["Quantity"]), Decimal(row["UnitPrice"])
            moment = datetime.fromisoformat(row["InvoiceDate"]).replace(tzinfo=PLATFORM_ZONE)
            sums.moments[number] = moment
            sums.total += units * price
            day = sums.days[customer][moment.date()]
            if not GOODS.fullmatch(sku):
                sums.left_out["not goods"] += units * price
            elif number.startswith(CANCELLATION):
                earlier = sold[customer].get(sku)
                if earlier is None:
                    sums.left_out["bought before the file"] += units * price
                else:
                    key = (number, earlier)
                    day.refunds[key] = day.refunds.get(key, ZERO) - units * price
            elif units > 0 and price > 0:
                lines = day.paid.setdefault(number, {})
                known, first = lines.get(sku, (0, price))
                lines[sku] = (known + units, first)
                sums.left_out["at another price"] += units * (price - first)
                sold[customer][sku] = number
            else:
                sums.left_out["free or without units"] += units * price
    return sums


class DatedReplay(Replay):
    """Gives what happens the time of its invoice. Only what comes back later is shipped."""

    def __init__(self, stream: Stream, merchants: dict[str, Merchant], sums: Sums) -> None:
        super().__init__(stream, merchants)
        self.sums = sums
        self.coming_back = {
            part.sold_by.number
            for part in stream.parts()
            if part.sold_by and part.day_of_sale != part.cancellation.day
        }

    def leaving(self) -> QuerySet[Suborder]:
        """Of what a day's end finds, the rest stays."""
        numbers = [self.order_nos[one] for one in self.coming_back & self.order_nos.keys()]
        return super().leaving().filter(order_no__in=numbers)

    def buy(self, invoice: Invoice) -> None:
        super().buy(invoice)
        at(self.merchants[invoice.customer].partner, self.sums.moments[invoice.number])

    def take_back(self, part: Part) -> None:
        super().take_back(part)
        cancellation = part.cancellation
        partner = self.merchants[cancellation.customer].partner
        at(partner, self.sums.moments[cancellation.number])


@dataclass
class Stage:
    """The file, played."""

    sums: Sums
    replay: Replay

    @property
    def merchants(self) -> dict[str, Merchant]:
        return self.replay.merchants


def play(world: World, directory: Path, *, is_whole: bool) -> Stage:
    """Customers bought and took back what the file says, when it says so.

    :param is_whole: all of them; else those who cancel anything or come on several days, but
        for the invoices without a customer, which are most of that.
    """
    several = {customer for customer, days in add_up_file().days.items() if len(days) > 1}
    others = {invoice.customer for invoice in read_source().invoices}
    stream = read_stream(others if is_whole else others & several - {NO_CUSTOMER})
    customers = {event.customer for event in stream.events}
    sums = add_up_file(None if is_whole else customers)
    FreightTemplate.objects.all().delete()  # the file knows no freight
    make_reasons()
    set_return_addresses()
    stock_the_shop(Desk(directory), stream.orders)
    totals = stream.orders.totals_by_customer()
    merchants = {}
    for customer in sorted(customers):
        opening = totals.get(customer, ZERO) + SPARE
        merchants[customer] = make_merchant(customer, balance=f"{opening:.2f}")
        at(merchants[customer].partner, EVE)
    PoolAssignment.objects.bulk_create(
        PoolAssignment(pool=world.pool, partner=merchant.partner) for merchant in merchants.values()
    )
    replay = DatedReplay(stream, merchants, sums)
    replay.run()
    return Stage(sums, replay)


def test_statements_agree_with_the_file_when_customers_came_again_or_cancelled(
    world: World, tmp_path: Path
) -> None:
    stage = play(world, tmp_path, is_whole=False)

    for customer in stage.merchants:
        assert_statement(stage, customer, DAYS[0], DAYS[-1])
        days = stage.sums.days[customer]
        if len(days) > 1 or any(day.refunds for day in days.values()):
            assert_days(stage, customer)
    assert Statement.objects.filter(period_end=F("period_start")).count() == 14 * len(DAYS)
    assert_file_is_found_again(
        stage,
        customers=39,
        paid="20070.41",
        total="16958.33",
        left_out={
            "not goods": "50.00",  # postage, fees, manual entries, discounts
            "bought before the file": "-3025.98",
            "at another price": "0.00",  # than the first row of the invoice named
        },
    )
    assert_the_rest_was_refused(stage)
    assert verify_books().differences == []


@pytest.mark.prove
def test_statements_of_every_day_agree_with_the_file_for_every_customer(
    world: World, tmp_path: Path
) -> None:
    stage = play(world, tmp_path, is_whole=True)

    for customer in stage.merchants:
        assert_statement(stage, customer, DAYS[0], DAYS[-1])
        assert_days(stage, customer)
    assert_file_is_found_again(
        stage,
        customers=254,
        paid="150289.76",
        total="150463.30",
        left_out={
            "not goods": "3449.69",
            "bought before the file": "-3025.98",
            "at another price": "-114.07",
            "free or without units": "0.00",
        },
    )
    assert_the_rest_was_refused(stage)
    assert verify_books().differences == []


def assert_days(stage: Stage, customer: str) -> None:
    """Each day of a customer, closing where the next one opens."""
    statements = [assert_statement(stage, customer, day, day) for day in DAYS]
    for before, after in pairwise(statements):
        assert before.closing_balance == after.opening_balance
        assert before.closing_entry_no == after.opening_entry_no


def assert_statement(stage: Stage, customer: str, first: date, last: date) -> Statement:
    days = stage.sums.days[customer]
    within = [content for day, content in days.items() if first <= day <= last]
    before = [content for day, content in days.items() if day < first]
    paid = {number: lines for day in within for number, lines in day.paid.items()}
    refunds = {key: amount for day in within for key, amount in day.refunds.items()}
    ever = sum((day.paid_amount for day in days.values()), ZERO)
    opening = ever + SPARE + sum((day.refunded_amount - day.paid_amount for day in before), ZERO)
    paid_amount = CustomerDay(paid).paid_amount
    refunded = sum(refunds.values(), ZERO)

    statement = make_statement(stage.merchants[customer].partner, first, last)

    assert (statement.opening_balance, statement.closing_balance) == (
        opening, opening - paid_amount + refunded,
    ), customer  # fmt: skip
    assert (statement.order_payment_amount, statement.refund_amount) == (-paid_amount, refunded)
    assert (statement.top_up_amount, statement.adjustment_amount, statement.withdrawal_amount) == (
        ZERO, ZERO, ZERO,
    )  # fmt: skip
    assert (statement.opening_held_amount, statement.closing_held_amount) == (ZERO, ZERO)
    assert_rows(statement, paid, refunds)
    return statement


def assert_rows(
    statement: Statement,
    paid: dict[str, dict[str, tuple[int, Decimal]]],
    refunds: dict[tuple[str, str], Decimal],
) -> None:
    """The CSV names every invoice of the file with its goods, and every cancellation."""
    file = statement.files.get(format="csv", language="zh-hans")
    with default_storage.open(file.file) as stored:
        rows = read_rows(stored.read().decode("utf-8-sig"))
    of_kind: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        of_kind[row["kind"]].append(row)
    assert {
        row["merchant_order_no"]: Decimal(row["amount"]) for row in of_kind["order_payment"]
    } == {number: -CustomerDay({number: lines}).paid_amount for number, lines in paid.items()}
    assert {
        (row["merchant_order_no"], row["sku"]): (int(row["quantity"]), Decimal(row["unit_price"]))
        for row in of_kind["order_line"]
    } == {(number, sku): line for number, lines in paid.items() for sku, line in lines.items()}
    assert Counter(
        (row["merchant_order_no"], Decimal(row["amount"])) for row in of_kind["refund"]
    ) == Counter((earlier, amount) for (_number, earlier), amount in refunds.items())
    entries = [*of_kind["order_payment"], *of_kind["refund"]]
    assert len(rows) == len(entries) + len(of_kind["order_line"]) == statement.row_count


def assert_file_is_found_again(
    stage: Stage, *, customers: int, paid: str, total: str, left_out: dict[str, str]
) -> None:
    """From what the statements say to the sum of the file's rows about the customers."""
    statements = Statement.objects.filter(period_start=DAYS[0], period_end=DAYS[-1])
    assert statements.count() == len(stage.merchants) == customers
    said = statements.aggregate(paid=Sum("order_payment_amount"), back=Sum("refund_amount"))
    assert said == {"paid": -Decimal(paid), "back": Decimal("136.10")}
    assert stage.sums.left_out == {name: Decimal(text) for name, text in left_out.items()}
    taken_up = -said["paid"] - said["back"]
    assert taken_up + sum(stage.sums.left_out.values()) == stage.sums.total == Decimal(total)


def assert_the_rest_was_refused(stage: Stage) -> None:
    """Nothing that was bought before the file is in any statement: the platform took no claim."""
    refused = stage.replay.refused
    assert Counter(status for _part, _whose, status, _code in refused) == {404: 25, 422: 5}
    amounts = [part.cancellation.amounts[sku] for part, *_answer in refused for sku in part.skus]
    assert -sum(amounts) == stage.sums.left_out["bought before the file"]
