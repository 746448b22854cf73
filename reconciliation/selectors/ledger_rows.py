"""The rows of a statement, out of the ledger and the orders behind it."""

from __future__ import annotations

from collections.abc import Generator
from decimal import Decimal

from django.db import connection, transaction

from accounts.models import LedgerEntry
from openplatform.core import money
from openplatform.core.statements import send
from reconciliation.files.rows import ORDER_FREIGHT, ORDER_LINE, Row

ENTRIES_AT_ONCE = 200  # of which each may be an order of a thousand lines
ADDED_AT_ONCE = 100_000
FETCHED_AT_ONCE = 2000
# An order's lines and freight are read together, so that a split in between divides neither.
ROWS = f"""
    SELECT entry.entry_no, entry.created_at, part.kind, coalesce(paid.merchant_order_no, ''),
        entry.order_no, part.suborder_no, part.line_no, part.sku, part.name, part.quantity,
        part.unit_price, part.tax_rate, part.amount, part.balance_after, entry.aftersale_no,
        part.note
    FROM accounts_ledgerentry entry
    LEFT JOIN orders_order paid
        ON paid.order_no = entry.order_no AND paid.partner_id = entry.partner_id
    CROSS JOIN LATERAL (
        SELECT 1 AS position, entry.kind::text AS kind, entry.suborder_no::text AS suborder_no,
            NULL::integer AS line_no, '' AS sku, '' AS name, NULL::integer AS quantity,
            NULL::numeric AS unit_price, NULL::numeric AS tax_rate, entry.amount,
            entry.balance_after, entry.note::text AS note
        UNION ALL
        SELECT 2, '{ORDER_LINE}', suborder.order_no, line.line_no, line.sku_code, line.name,
            line.quantity, line.purchase_price, line.tax_rate, -line.amount, NULL, ''
        FROM orders_orderline line JOIN orders_suborder suborder ON suborder.id = line.suborder_id
        WHERE line.order_id = paid.id AND entry.kind = 'order_payment'
        UNION ALL
        SELECT 3, '{ORDER_FREIGHT}', suborder.order_no, NULL, '', '', NULL, NULL, NULL,
            -suborder.freight_amount, NULL, ''
        FROM orders_suborder suborder
        WHERE suborder.order_id = paid.id AND entry.kind = 'order_payment'
            AND suborder.freight_amount <> 0
    ) part
    WHERE entry.partner_id = %s AND entry.entry_no > %s AND entry.entry_no <= %s
    ORDER BY entry.entry_no, part.position, part.line_no, part.suborder_no
"""  # noqa: S608 - constants
TOTALS = """
    SELECT kind, sum(amount) FROM accounts_ledgerentry
    WHERE partner_id = %(partner_id)s AND entry_no > %(after)s AND entry_no <= %(up_to)s
    GROUP BY kind
"""


def list_rows(*, partner_id: int, after: int, up_to: int) -> Generator[Row, None, None]:
    """Of the entries behind one number up to another, in their order, in constant memory.

    The entries of a range never change; each few of them are read in a transaction of their own,
    which ends before the next, so that nothing is held while files are written for minutes. Close
    it when it is not read to its end: a transaction is open.
    """
    for start in range(after, up_to, ENTRIES_AT_ONCE):
        end = min(start + ENTRIES_AT_ONCE, up_to)
        with transaction.atomic(), connection.chunked_cursor() as cursor:
            cursor.execute(ROWS, [partner_id, start, end])
            while rows := cursor.fetchmany(FETCHED_AT_ONCE):
                yield from map(Row._make, rows)


def add_up(*, partner_id: int, after: int, up_to: int) -> dict[str, Decimal]:
    """What the same entries come to, by every kind of the ledger."""
    totals = {kind.value: money.ZERO for kind in LedgerEntry.Kind}
    for start in range(after, up_to, ADDED_AT_ONCE):
        end = min(start + ADDED_AT_ONCE, up_to)
        rows = send(TOTALS, {"partner_id": partner_id, "after": start, "up_to": end}).rows()
        for kind, amount in rows:
            totals[kind] += amount
    return totals
