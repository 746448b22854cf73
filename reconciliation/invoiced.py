"""What there is to invoice of orders: lines of what was paid and not refunded, and their tax.

What is invoiced is told apart by order and SKU (freight: no SKU), which splits and moves leave as
they are. Amounts are exact; in every line quantity times unit price is the amount. The tax of an
item follows from its amount, so that invoice and credits together always have the tax of what is
left, and none when nothing is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from openplatform.core import money
from openplatform.core.statements import send
from reconciliation.models import InvoiceLine

CENTS = 100
# Invoices are in the language of the tax office, whoever asks for one.
LANGUAGE = "zh-hans"
FREIGHT = _("Freight")

# One statement, so that an order is as it was at one moment. Lines of one SKU have one price and
# rate, however they were divided.
READ = """
    SELECT o.id, o.order_no, line.sku_code, min(line.name), min(product.unit),
        line.purchase_price, max(line.tax_rate),
        sum(line.quantity - line.refunded_quantity)::int,
        sum(line.amount - line.refunded_amount), min(line.line_no)
    FROM orders_order o
    JOIN orders_orderline line ON line.order_id = o.id
    JOIN catalog_sku sku ON sku.id = line.sku_id
    JOIN catalog_product product ON product.id = sku.product_id
    WHERE o.id = ANY(%(orders)s::bigint[])
    GROUP BY o.id, line.sku_code, line.purchase_price
    UNION ALL
    SELECT o.id, o.order_no, '', '', '', 0, 0, 1,
        sum(part.freight_amount - part.refunded_freight_amount), NULL
    FROM orders_order o
    JOIN orders_suborder part ON part.order_id = o.id
    WHERE o.id = ANY(%(orders)s::bigint[])
    GROUP BY o.id
    ORDER BY 1, 10 NULLS LAST
"""
# What stands in an invoice and in its credits that count: their lines have signs.
BOOKED = """
    SELECT line.order_no, line.sku, min(line.name), min(line.unit), max(line.tax_rate),
        sum(line.quantity)::int, sum(line.amount), sum(line.tax_amount)
    FROM reconciliation_invoice invoice
    JOIN reconciliation_invoiceline line ON line.invoice_id = invoice.id
    WHERE (
        invoice.id = %(invoice)s OR invoice.credits_id = %(invoice)s
        AND invoice.status <> 'cancelled'
    ) AND (%(orders)s::text[] IS NULL OR line.order_no = ANY(%(orders)s::text[]))
    GROUP BY line.order_no, line.sku
    HAVING sum(line.amount) > 0
    ORDER BY min(line.invoice_id), min(line.position)
"""


@dataclass(frozen=True, slots=True)
class Item:
    """A SKU of one order, or its freight (no ``sku``): what of it was paid and kept.

    :param unit_price: what a unit cost; of freight, all of it.
    """

    order_id: int
    order_no: str
    sku: str
    name: str
    unit: str
    unit_price: Decimal
    tax_rate: Decimal
    quantity: int
    amount: Decimal

    @property
    def tax_amount(self) -> Decimal:
        """Contained in the amount."""
        return tax_within(self.amount, self.tax_rate)


@dataclass(frozen=True, slots=True)
class BookedItem:
    """The same as it stands in an invoice, less what its credits took back."""

    order_no: str
    sku: str
    name: str
    unit: str
    tax_rate: Decimal
    quantity: int
    amount: Decimal
    tax_amount: Decimal


def tax_within(amount: Decimal, rate: Decimal) -> Decimal:
    """The tax that an amount contains, to the cent, half up."""
    return money.round_amount(amount * rate / (1 + rate))


def list_items(order_ids: Collection[int]) -> list[Item]:
    """What was paid and kept of orders, in their order, freight last; nothing of it is zero."""
    with override(LANGUAGE):
        freight = str(FREIGHT)
    items = [Item(*row[:9]) for row in send(READ, {"orders": list(order_ids)}).rows()]
    rate = settings.INVOICE_FREIGHT_TAX_RATE
    return [
        item if item.sku else replace(item, name=freight, tax_rate=rate, unit_price=item.amount)
        for item in items
        if item.amount
    ]


def list_booked(invoice_id: int, *, order_nos: Collection[str] | None = None) -> list[BookedItem]:
    """What an invoice says and no credit of it has taken back.

    :param order_nos: of these orders; None for all.
    """
    parameters = {"invoice": invoice_id, "orders": None if order_nos is None else list(order_nos)}
    return [BookedItem(*row) for row in send(BOOKED, parameters).rows()]


def lines_of(items: Iterable[Item]) -> list[InvoiceLine]:
    """The lines of an invoice, not written yet.

    Where less than the price was given back for a unit, what was kept of it is a line of its own.
    """
    lines: list[InvoiceLine] = []
    for item in items:
        whole = min(item.quantity, int(item.amount // item.unit_price))
        rest = item.amount - whole * item.unit_price
        pieces = [(whole, item.unit_price)] if whole else []
        if rest:
            pieces.append((1, rest))
        lines += _lines(item, pieces, item.tax_amount, sign=1)
    return _in_order(lines)


def credit_lines(booked: Sequence[BookedItem], kept: Iterable[Item]) -> list[InvoiceLine]:
    """The lines, below zero, that take an invoice back to what was kept; not written yet.

    :param kept: of the orders among ``booked``; nothing of what is not there.
    """
    left: dict[tuple[str, str], tuple[int, Decimal]] = {}
    for item in kept:
        quantity, amount = left.get((item.order_no, item.sku), (0, money.ZERO))
        left[item.order_no, item.sku] = (quantity + item.quantity, amount + item.amount)
    lines: list[InvoiceLine] = []
    for row in booked:
        quantity, amount = left.get((row.order_no, row.sku), (0, money.ZERO))
        back = row.amount - amount
        if back <= 0:
            continue
        tax = row.tax_amount - tax_within(amount, row.tax_rate)
        pieces = spread(back, row.quantity - quantity)
        lines += _lines(row, pieces, tax, sign=-1)
    return _in_order(lines)


def spread(amount: Decimal, quantity: int) -> list[tuple[int, Decimal]]:
    """An amount as units and their price, which multiplied are the amount to the cent: all units at
    one price, or some of them a cent dearer. At least one unit.
    """
    cents = int(amount * CENTS)
    units = min(max(quantity, 1), cents)
    price, dearer = divmod(cents, units)
    pieces = [(units - dearer, price), (dearer, price + 1)]
    return [(count, Decimal(each) * money.CENT) for count, each in pieces if count]


def _lines(
    item: Item | BookedItem, pieces: Sequence[tuple[int, Decimal]], tax: Decimal, *, sign: int
) -> list[InvoiceLine]:
    amounts = [quantity * price for quantity, price in pieces]
    taxes = money.divide(tax, amounts)
    return [
        InvoiceLine(
            order_no=item.order_no,
            sku=item.sku,
            name=item.name,
            unit=item.unit,
            quantity=sign * quantity,
            unit_price=price,
            tax_rate=item.tax_rate,
            amount=sign * amount,
            tax_amount=sign * share,
        )
        for (quantity, price), amount, share in zip(pieces, amounts, taxes, strict=True)
    ]


def _in_order(lines: list[InvoiceLine]) -> list[InvoiceLine]:
    for position, line in enumerate(lines, start=1):
        line.position = position
    return lines
