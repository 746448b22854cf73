"""Three days of a real wholesaler's orders, placed and confirmed over the API.

Every customer of the file is a merchant; invoices without a customer belong to one further
merchant. Sums are computed from the file and held against orders, stock, ledger and messages.
The file's prices are in pounds; here they count as the platform's currency.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db.models import Count, Sum

from accounts.models import LedgerEntry, Wallet
from catalog.models import PoolAssignment, PurchasePrice, Sku, Stock, StockMovement
from catalog.services.agreement_drafts import PriceDraft
from catalog.services.pricing import save_prices
from openplatform.core import clock
from openplatform.core.locking import transactional
from openplatform.messaging.models import Message, Outbox
from openplatform.messaging.services.sequencing import sequence_outbox
from orders.models import FreightTemplate, Order, OrderLine
from tests.cast import CONSIGNEE, Merchant, World, make_merchant
from tests.imports.files import Desk

SOURCE = Path(settings.BASE_DIR).parent / "shared" / "data" / "online_retail_2010-12-01_to_03.csv"
pytestmark = pytest.mark.skipif(
    not SOURCE.exists(), reason=f"../shared/data/{SOURCE.name} is missing"
)

# Goods have codes of five digits with or without letters behind them. Postage (POST, DOT, C2),
# manual entries (M), discounts (D), fees (BANK CHARGES, AMAZONFEE) and vouchers (gift_…) have not.
GOODS = re.compile(r"[0-9]{5}[A-Za-z]*", re.ASCII)
CANCELLATION = "C"  # the first letter of an invoice number
NO_CUSTOMER = "no-customer"


@dataclass
class Invoice:
    """What one invoice asks for: by SKU, units and the price of the first line that names it."""

    number: str
    customer: str
    rows: int = 0
    quantities: dict[str, int] = field(default_factory=dict)
    prices: dict[str, Decimal] = field(default_factory=dict)

    @property
    def total_amount(self) -> Decimal:
        return sum(
            (self.prices[sku] * quantity for sku, quantity in self.quantities.items()), Decimal(0)
        )


@dataclass
class File:
    """The invoices for goods in order, and of each SKU its first name and price."""

    invoices: list[Invoice]
    names: dict[str, str]
    first_prices: dict[str, Decimal]

    def totals_by_customer(self) -> dict[str, Decimal]:
        totals: dict[str, Decimal] = defaultdict(Decimal)
        for invoice in self.invoices:
            totals[invoice.customer] += invoice.total_amount
        return dict(totals)

    def units_by_sku(self) -> Counter[str]:
        units: Counter[str] = Counter()
        for invoice in self.invoices:
            units.update(invoice.quantities)
        return units


def read_source() -> File:
    invoices: dict[str, Invoice] = {}
    file = File([], {}, {})
    with SOURCE.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            number, sku = row["InvoiceNo"], row["StockCode"]
            if number.startswith(CANCELLATION):
                continue
            invoice = invoices.setdefault(number, Invoice(number, row["CustomerID"] or NO_CUSTOMER))
            invoice.rows += 1
            quantity, price = int(row["Quantity"]), Decimal(row["UnitPrice"])
            if not GOODS.fullmatch(sku) or quantity <= 0 or price <= 0:
                continue
            invoice.quantities[sku] = invoice.quantities.get(sku, 0) + quantity
            invoice.prices.setdefault(sku, price)
            file.names.setdefault(sku, row["Description"])
            file.first_prices.setdefault(sku, price)
    file.invoices = [invoice for invoice in invoices.values() if invoice.quantities]
    return file


def stock_the_shop(desk: Desk, file: File) -> None:
    """Every SKU, and exactly as many units as the invoices ask for."""
    desk.load(
        "products",
        *[
            {
                "sku": sku, "name": name, "category": "home", "pools": "pool",
                "sale_price": file.first_prices[sku],
            }
            for sku, name in file.names.items()
        ],
        accept_warnings=True,  # the file has codes that differ in the case of letters only
    )  # fmt: skip
    desk.load(
        "stock",
        *[
            {"warehouse": "north", "sku": sku, "on_hand": units}
            for sku, units in file.units_by_sku().items()
        ],
    )


@transactional
def agree_prices(partner_id: int, prices: dict[str, Decimal], sku_ids: dict[str, int]) -> None:
    drafts = [PriceDraft(partner_id, sku_ids[sku], price, None) for sku, price in prices.items()]
    save_prices(drafts=drafts, now=clock.now())


def order_of(invoice: Invoice) -> dict[str, Any]:
    return {
        "merchant_order_no": invoice.number,
        "items": [
            {"sku": sku, "quantity": quantity, "expected_price": f"{invoice.prices[sku]:.2f}"}
            for sku, quantity in invoice.quantities.items()
        ],
        "consignee": CONSIGNEE,
    }


def replay(file: File, merchants: dict[str, Merchant]) -> None:
    """Place and confirm every invoice; prices move between them as they do in the file."""
    sku_ids = dict(Sku.objects.values_list("code", "id"))
    agreed: dict[tuple[str, str], Decimal] = {}
    for invoice in file.invoices:
        merchant = merchants[invoice.customer]
        moved = {
            sku: price
            for sku, price in invoice.prices.items()
            if price != agreed.get((invoice.customer, sku), file.first_prices[sku])
        }
        if moved:
            agree_prices(merchant.partner.pk, moved, sku_ids)
            agreed.update({(invoice.customer, sku): price for sku, price in moved.items()})

        placed = merchant.api.post("/orders", order_of(invoice))
        assert placed.status_code == 201, placed.content
        assert placed.json()["total_amount"] == f"{invoice.total_amount:.2f}"
        paid = merchant.api.post(f"/orders/{placed.json()['order_no']}/confirm")
        assert (paid.status_code, paid.json()["status"]) == (200, "paid")


@pytest.mark.django_db(transaction=True)  # commits, as in life: one transaction would only grow
def test_stock_ledger_and_messages_agree_with_the_file_when_its_orders_were_paid(
    world: World, tmp_path: Path
) -> None:
    file = read_source()
    totals, units = file.totals_by_customer(), file.units_by_sku()
    FreightTemplate.objects.all().delete()  # the file knows no freight
    stock_the_shop(Desk(tmp_path), file)
    merchants = {
        customer: make_merchant(customer, balance=f"{total:.2f}")
        for customer, total in totals.items()
    }
    PoolAssignment.objects.bulk_create(
        PoolAssignment(pool=world.pool, partner=merchant.partner) for merchant in merchants.values()
    )

    replay(file, merchants)

    assert_file_was_read_whole(file)
    assert_orders_are_the_invoices(file, merchants)
    assert_stock_has_left_the_shelf(units)
    assert_money_is_spent(file, totals, merchants)
    assert_messages_tell_of_every_order(file, merchants)


def assert_file_was_read_whole(file: File) -> None:
    """So that the sums below are sums of something."""
    largest = max(file.invoices, key=lambda invoice: invoice.rows)
    assert (largest.number, largest.rows, len(largest.quantities)) == ("536876", 593, 585)
    assert (len(file.invoices), len(file.totals_by_customer())) == (336, 234)
    assert (len(file.names), sum(len(one.quantities) for one in file.invoices)) == (1833, 7078)
    assert sum(one.total_amount for one in file.invoices) == Decimal("150289.76")


def assert_orders_are_the_invoices(file: File, merchants: dict[str, Merchant]) -> None:
    assert dict(Order.objects.values_list("status").annotate(Count("pk"))) == {
        "paid": len(file.invoices)
    }
    expected = {
        (merchants[invoice.customer].partner.pk, invoice.number, sku): (
            quantity,
            invoice.prices[sku],
        )
        for invoice in file.invoices
        for sku, quantity in invoice.quantities.items()
    }
    lines = OrderLine.objects.select_related("order")
    assert lines.count() == len(expected)
    assert {
        (line.order.partner_id, line.order.merchant_order_no, line.sku_code): (
            line.quantity,
            line.purchase_price,
        )
        for line in lines
    } == expected
    # Some prices did move between the invoices of one merchant, or between merchants.
    assert PurchasePrice.objects.count() > 0


def assert_stock_has_left_the_shelf(units: Counter[str]) -> None:
    rows = Stock.objects.values_list("sku__code", "on_hand", "reserved", "outgoing")
    assert {sku: numbers for sku, *numbers in rows} == {
        sku: [0, 0, quantity] for sku, quantity in units.items()
    }
    moved = StockMovement.objects.values_list("cause").annotate(
        Sum("on_hand_change"), Sum("reserved_change"), Sum("outgoing_change")
    )
    total = units.total()
    assert {cause: sums for cause, *sums in moved.order_by("cause")} == {
        "count": [total, 0, 0],
        "reserved": [0, total, 0],
        "paid": [-total, -total, total],
    }


def assert_money_is_spent(
    file: File, totals: dict[str, Decimal], merchants: dict[str, Merchant]
) -> None:
    paid = LedgerEntry.objects.filter(kind="order_payment").values_list("partner__code")
    assert dict(paid.annotate(Sum("amount")).order_by("partner__code")) == {
        customer: -total for customer, total in totals.items()
    }
    counts = Counter(invoice.customer for invoice in file.invoices)
    wallets = Wallet.objects.values_list(
        "partner__code", "balance", "held_amount", "last_entry_no", "last_hold_no"
    )
    assert {code: numbers for code, *numbers in wallets} == {
        customer: [Decimal("0.00"), Decimal("0.00"), 1 + count, 2 * count]
        for customer, count in counts.items()
    }
    for merchant in merchants.values():
        balance = Decimal(0)
        entries = LedgerEntry.objects.filter(partner=merchant.partner).order_by("entry_no")
        for number, entry in enumerate(entries, start=1):
            balance += entry.amount
            assert (entry.entry_no, entry.balance_after) == (number, balance)


def assert_messages_tell_of_every_order(file: File, merchants: dict[str, Merchant]) -> None:
    while sequence_outbox():
        pass
    assert not Outbox.objects.exists()
    expected: dict[int, list[tuple[str, str, int]]] = defaultdict(list)
    for invoice in file.invoices:
        expected[merchants[invoice.customer].partner.pk] += [
            ("order.created", invoice.number, 1),
            ("order.status_changed", invoice.number, 2),
        ]
    told: dict[int, list[tuple[str, str, int]]] = defaultdict(list)
    sequences: dict[int, list[int]] = defaultdict(list)
    for message in Message.objects.order_by("partner", "sequence").iterator():
        sequences[message.partner_id].append(message.sequence)
        if message.type.startswith("order."):
            order = message.data["order"]
            told[message.partner_id].append(
                (message.type, order["merchant_order_no"], order["version"])
            )
    assert told == expected
    for numbers in sequences.values():
        assert numbers == list(range(1, len(numbers) + 1))
