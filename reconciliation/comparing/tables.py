"""What a comparison does in the database, in tables of its own transaction."""

from __future__ import annotations

from openplatform.core.clock import PLATFORM_ZONE
from reconciliation.comparing import ledger_side

# Both sides in tables of this transaction alone, the merchant's as it is read.
MAKE_THEIRS = """
    DROP TABLE IF EXISTS pg_temp.reconciliation_theirs, pg_temp.reconciliation_ours,
        pg_temp.reconciliation_report;
    CREATE TEMPORARY TABLE reconciliation_theirs (
        file_row integer NOT NULL, kind text NOT NULL, merchant_order_no text NOT NULL,
        merchant_aftersale_no text NOT NULL, amount numeric(14, 2) NOT NULL, at text NOT NULL,
        status text NOT NULL, state text NOT NULL, key text NOT NULL, on_day date
    ) ON COMMIT DROP;
"""
COPY_THEIRS = """
    COPY pg_temp.reconciliation_theirs (file_row, kind, merchant_order_no, merchant_aftersale_no,
        amount, at, status, state, key, on_day) FROM STDIN
"""
MAKE_OURS = f"""
    CREATE TEMPORARY TABLE reconciliation_ours ON COMMIT DROP AS
    {ledger_side.SELECT} {ledger_side.IN_RANGE}
"""
ANALYZE = "ANALYZE pg_temp.reconciliation_theirs; ANALYZE pg_temp.reconciliation_ours;"
# What has no order is one document: by its number or reference, or the row names none, and then by
# amount and day, the day of the entry before the one on which the merchant paid; where the file
# tells no day, by the amount. As many rows as there are entries, the first of both first.
BY_NUMBER = """
    UPDATE pg_temp.reconciliation_theirs theirs SET key = known.key
    FROM (
        SELECT DISTINCT ON (kind, number) kind, number, key
        FROM pg_temp.reconciliation_ours ours
        CROSS JOIN LATERAL (VALUES (ours.document_no, 1), (ours.reference, 2)) own (number, turn)
        WHERE kind = ANY(%(kinds)s::text[]) AND number <> ''
        ORDER BY kind, number, turn, entry_no
    ) known
    WHERE theirs.kind = known.kind AND theirs.merchant_order_no = known.number
"""
# An order that goes by our number, unless it is the number that the merchant gave to another.
BY_OUR_NUMBER = """
    UPDATE pg_temp.reconciliation_theirs theirs SET key = own_order.merchant_order_no
    FROM orders_order own_order
    WHERE own_order.partner_id = %(partner_id)s AND own_order.order_no = theirs.merchant_order_no
        AND NOT theirs.kind = ANY(%(kinds)s::text[])
        AND NOT EXISTS (
            SELECT FROM orders_order named
            WHERE named.partner_id = %(partner_id)s
                AND named.merchant_order_no = theirs.merchant_order_no
        )
"""
BY_AMOUNT = """
    WITH their_open AS (
        SELECT file_row, kind, amount, {their_day} AS day,
            row_number() OVER (PARTITION BY kind, amount, {their_day} ORDER BY file_row) AS turn
        FROM pg_temp.reconciliation_theirs theirs
        WHERE kind = ANY(%(kinds)s::text[]) AND merchant_order_no = '' AND key = ''
            AND {is_meant}
    ), our_open AS (
        SELECT key, kind, amount, {our_day} AS day,
            row_number() OVER (PARTITION BY kind, amount, {our_day} ORDER BY entry_no) AS turn
        FROM pg_temp.reconciliation_ours ours
        WHERE kind = ANY(%(kinds)s::text[]) AND NOT EXISTS (
            SELECT FROM pg_temp.reconciliation_theirs taken
            WHERE taken.kind = ours.kind AND taken.key = ours.key
        )
    )
    UPDATE pg_temp.reconciliation_theirs theirs SET key = our_open.key
    FROM their_open JOIN our_open USING (kind, amount, day, turn)
    WHERE theirs.file_row = their_open.file_row
"""
DAYS = (
    {
        "their_day": "on_day",
        "our_day": f"(created_at AT TIME ZONE '{PLATFORM_ZONE.key}')::date",
        "is_meant": "on_day IS NOT NULL",
    },
    {"their_day": "on_day", "our_day": "paid_on", "is_meant": "on_day IS NOT NULL"},
    {"their_day": "''", "our_day": "''", "is_meant": "on_day IS NULL"},
)
# Rows without a number that equal one that found its entry repeat it.
REPEATED = """
    UPDATE pg_temp.reconciliation_theirs theirs SET key = found.key
    FROM (
        SELECT DISTINCT ON (kind, amount, on_day) kind, amount, on_day, key
        FROM pg_temp.reconciliation_theirs
        WHERE kind = ANY(%(kinds)s::text[]) AND merchant_order_no = '' AND key <> ''
        ORDER BY kind, amount, on_day, file_row
    ) found
    WHERE theirs.merchant_order_no = '' AND theirs.key = '' AND theirs.kind = found.kind
        AND theirs.amount = found.amount AND theirs.on_day IS NOT DISTINCT FROM found.on_day
"""
THEIRS = """
    SELECT file_row, kind, merchant_order_no, merchant_aftersale_no, amount, at, status, state, key
    FROM pg_temp.reconciliation_theirs ORDER BY kind COLLATE "C", key COLLATE "C", file_row
"""
OURS = f"""
    SELECT {ledger_side.FIELDS}
    FROM pg_temp.reconciliation_ours ORDER BY kind COLLATE "C", key COLLATE "C", entry_no
"""  # noqa: S608 - put together from constants

COLUMNS = (
    "file_row", "result", "cause", "kind", "merchant_order_no", "merchant_aftersale_no",
    "their_amount", "our_amount", "their_at", "their_status", "our_status", "entry_no", "our_at",
    "order_no", "suborder_no", "aftersale_no", "document", "document_no",
)  # fmt: skip
_NAMES = ", ".join(COLUMNS)
MAKE_REPORT = f"""
    CREATE TEMPORARY TABLE reconciliation_report ON COMMIT DROP AS
    SELECT {_NAMES} FROM reconciliation_reconciliationrow WHERE false
"""  # noqa: S608
COPY_REPORT = f"COPY pg_temp.reconciliation_report ({_NAMES}) FROM STDIN"
# In the order of the file, and then what it lacks in the order of the ledger.
WRITE_REPORT = f"""
    INSERT INTO reconciliation_reconciliationrow
        (reconciliation_id, position, resolution, resolved_by, {_NAMES})
    SELECT %(id)s, row_number() OVER (ORDER BY file_row NULLS LAST, entry_no), '', '', {_NAMES}
    FROM pg_temp.reconciliation_report
"""  # noqa: S608
SUMS = """
    SELECT result, count(*), coalesce(sum(their_amount), 0), coalesce(sum(our_amount), 0)
    FROM pg_temp.reconciliation_report GROUP BY result
"""
